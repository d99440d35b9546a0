"""The adapter for the public TUF conformance suite; the suite itself is run from outside."""

import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from obstore.store import LocalStore

from mobile_models.updates.keys.signing_keys import KeyRing
from mobile_models.updates.publishing import repository
from tests import updates
from tests.updates import StaticServer, desired

ADAPTER = Path(__file__).with_name("phone_client.py")
Run = Callable[..., int]


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> KeyRing:
    return updates.embedded_keys(tmp_path_factory.mktemp("keys"))


@pytest.fixture
def web(tmp_path: Path, keys: KeyRing) -> Iterator[StaticServer]:
    with updates.serving(tmp_path / "web") as server:
        repository.reconcile(LocalStore(server.folder / "updates", mkdir=True), keys, desired(1, 2, current=1))
        yield server


@pytest.fixture
def run(tmp_path: Path, web: StaticServer, keys: KeyRing) -> Run:
    """Run the adapter after its `init`, as the suite does, and return its exit status."""
    (tmp_path / "targets").mkdir()
    (tmp_path / "root.json").write_bytes(keys.trusted_root)
    metadata = ["--metadata-dir", str(tmp_path / "metadata")]

    def run(*arguments: str) -> int:
        url = ["--metadata-url", f"{web.url}/updates/metadata"]
        return subprocess.run(
            [sys.executable, ADAPTER, *metadata, *url, *arguments], timeout=60, check=False
        ).returncode

    subprocess.run([ADAPTER.with_name("phone-client"), *metadata, "init", tmp_path / "root.json"], check=True)
    assert [path.name for path in (tmp_path / "metadata").glob("*.json")] == ["root.json"]
    return run


def _download(tmp_path: Path, web: StaticServer, name: str) -> list[str]:
    base = f"{web.url}/updates/targets"
    folder = str(tmp_path / "targets")
    return ["--target-name", name, "--target-base-url", base, "--target-dir", folder, "download"]


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
