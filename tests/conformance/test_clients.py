"""The adapters for the public TUF conformance suite; the suite itself is run from outside.

`phone-client` is the reference client in Python, `web-client` that of the residents' app, under Node.
"""

import fcntl
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from obstore.store import LocalStore

from mobile_models.updates.keys.signing_keys import KeyRing
from mobile_models.updates.publishing import repository
from tests import browser, updates
from tests.updates import StaticServer, desired

FOLDER = Path(__file__).parent
ROOT = FOLDER.parents[1]
Run = Callable[..., int]


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> KeyRing:
    return updates.embedded_keys(tmp_path_factory.mktemp("keys"))


@pytest.fixture
def web(tmp_path: Path, keys: KeyRing) -> Iterator[StaticServer]:
    with updates.serving(tmp_path / "web") as server:
        repository.reconcile(LocalStore(server.folder / "updates", mkdir=True), keys, desired(1, 2, current=1))
        yield server


@pytest.fixture(scope="module", params=["phone-client", "web-client"])
def client(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """The command that is tested."""
    if request.param == "phone-client":
        return [sys.executable, str(FOLDER / "phone_client.py")]
    if shutil.which("node") is None:
        browser.lacking("no Node is installed")
    with (ROOT / "web" / "package.json").open() as lock:  # Several processes may test, and one builds.
        fcntl.flock(lock, fcntl.LOCK_EX)
        subprocess.run(["make", "--no-print-directory", "web/node_modules/.installed"], cwd=ROOT, check=True)
        subprocess.run(["npm", "--silent", "--prefix", "web", "run", "build:conformance"], cwd=ROOT, check=True)
    return [str(FOLDER / request.param)]


@pytest.fixture
def run(tmp_path: Path, web: StaticServer, keys: KeyRing, client: list[str]) -> Run:
    """Run the adapter after its `init`, as the suite does, and return its exit status."""
    (tmp_path / "targets").mkdir()
    (tmp_path / "root.json").write_bytes(keys.trusted_root)
    metadata = ["--metadata-dir", str(tmp_path / "metadata")]

    def run(*arguments: str) -> int:
        url = ["--metadata-url", f"{web.url}/updates/metadata"]
        return subprocess.run([*client, *metadata, *url, *arguments], timeout=120, check=False).returncode

    subprocess.run([*client, *metadata, "init", tmp_path / "root.json"], check=True)
    assert [path.name for path in (tmp_path / "metadata").glob("*.json")] == ["root.json"]
    return run


def _download(tmp_path: Path, web: StaticServer, name: str) -> list[str]:
    base = f"{web.url}/updates/targets"
    folder = str(tmp_path / "targets")
    return ["--target-name", name, "--target-base-url", base, "--target-dir", folder, "download"]


def test_the_command_of_the_suite_runs_the_reference_client(tmp_path: Path, keys: KeyRing) -> None:
    (tmp_path / "root.json").write_bytes(keys.trusted_root)
    command = [str(FOLDER / "phone-client"), "--metadata-dir", str(tmp_path / "metadata"), "init"]
    subprocess.run([*command, str(tmp_path / "root.json")], check=True)
    assert (tmp_path / "metadata" / "root.json").read_bytes() == keys.trusted_root


def test_refresh_leaves_what_it_trusts_under_names_without_versions(run: Run, tmp_path: Path) -> None:
    assert run("refresh") == 0
    trusted = {path.stem for path in (tmp_path / "metadata").glob("*.json")}
    assert trusted == {"root", "timestamp", "snapshot", "targets"}


def test_refresh_fails_where_the_repository_lies_and_trusts_nothing_of_it(
    run: Run, web: StaticServer, tmp_path: Path
) -> None:
    web.tamper = lambda path, content: re.sub(rb"\d{4}(-\d\d-\d\dT)", rb"2999\1", content)
    assert run("refresh") == 1
    assert not (tmp_path / "metadata" / "timestamp.json").exists()


def test_download_gives_the_signed_file_and_fetches_it_once(run: Run, web: StaticServer, tmp_path: Path) -> None:
    for _ in range(2):
        assert run(*_download(tmp_path, web, "models/2/model.tflite")) == 0
    assert [path.read_bytes() for path in (tmp_path / "targets").iterdir()] == [updates.files(2)[1]]
    assert web.moved(".model.tflite") == len(updates.files(2)[1])


def test_download_fails_for_a_file_that_was_changed_or_is_not_signed(
    run: Run, web: StaticServer, tmp_path: Path
) -> None:
    web.tamper = lambda path, content: content[:-1] + b"x" if path.endswith(".tflite") else content
    assert run(*_download(tmp_path, web, "models/2/model.tflite")) == 1
    assert run(*_download(tmp_path, web, "models/9/model.tflite")) == 1
    assert not list((tmp_path / "targets").iterdir())


def test_what_is_expected_to_fail_has_its_reason() -> None:
    blocks = (FOLDER / "web-client.xfails").read_text().strip().split("\n\n")
    assert all(block.startswith("# ") for block in blocks)
    names = [line for block in blocks for line in block.splitlines() if not line.startswith("#")]
    assert len(set(names)) == len(names) > 0
    assert all(re.fullmatch(r"test_\w+(\[.+\])?", name) for name in names)
