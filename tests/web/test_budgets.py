"""How much a phone loads before the model: what a resident waits for on a slow network."""

from pathlib import Path

MOST_SCRIPT_BYTES = 150_000
MOST_STYLE_BYTES = 15_000
RUNTIME = "litert_"
"""The runtime comes with the model, once, and is not part of what shows the first screen."""


def test_all_script_before_the_model_keeps_to_its_budget(web_app: Path) -> None:
    scripts = list(web_app.rglob("*.js"))
    own = [file for file in scripts if not file.name.startswith(RUNTIME)]
    sizes = {file.name: _transferred(file) for file in own}
    assert len(own) < len(scripts), f"nothing is called {RUNTIME}: what is the runtime called now?"
    assert any(name.startswith("phone.worker") for name in sizes)
    assert sum(sizes.values()) < MOST_SCRIPT_BYTES, sizes


def test_the_styles_keep_to_their_budget(web_app: Path) -> None:
    sizes = {file.name: _transferred(file) for file in web_app.rglob("*.css")}
    assert 0 < sum(sizes.values()) < MOST_STYLE_BYTES, sizes


def _transferred(file: Path) -> int:
    """Bytes that a browser fetches: all of them take brotli."""
    copy = file.with_name(f"{file.name}.br")
    return (copy if copy.is_file() else file).stat().st_size
