"""deploy/updates-nginx.conf: nginx serves the updates as our own server does, and phones update from it."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from obstore.store import LocalStore

from mobile_models.updates.following import updater
from mobile_models.updates.following.updater import UpdateSource
from mobile_models.updates.keys.signing_keys import KeyRing
from mobile_models.updates.publishing import repository
from tests import nginx, updates
from tests.waiting import PATIENCE_SECONDS

pytestmark = nginx.needs_nginx
FOR_EVER = "public, max-age=31536000, immutable"


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data")
    (folder / "updates").mkdir()
    (folder / "secret.txt").write_text("beside the updates")
    return folder


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory, data: Path) -> KeyRing:
    """Of a repository that publishes release 2, in `data`."""
    keys = updates.embedded_keys(tmp_path_factory.mktemp("keys"))
    repository.reconcile(LocalStore(data / "updates"), keys, updates.desired(2, current=2))
    return keys


@pytest.fixture(scope="module")
def web(tmp_path_factory: pytest.TempPathFactory, data: Path, keys: KeyRing) -> Iterator[httpx.Client]:
    with (
        nginx.serving(tmp_path_factory.mktemp("nginx") / "own", data) as (url, _),
        httpx.Client(base_url=url, timeout=PATIENCE_SECONDS) as client,
    ):
        yield client


@pytest.fixture
def model(data: Path) -> str:
    (found,) = (data / "updates").rglob("*.model.tflite")
    return "/" + str(found.relative_to(data))


def test_nginx_takes_the_configuration_as_it_is_offered(tmp_path: Path) -> None:
    configuration = nginx.write_configuration(tmp_path, tmp_path, 8080)
    subprocess.run(nginx.command(configuration, "-t"), check=True)


def test_a_phone_updates_from_nginx_alone(web: httpx.Client, keys: KeyRing, tmp_path: Path) -> None:
    source = UpdateSource(f"{web.base_url}/updates", keys.trusted_root, tmp_path / "phone", web)
    offer = updater.look(source, "stable", "any phone")
    assert offer is not None
    assert offer.manifest.version == 2
    assert updater.download(source, offer.model, tmp_path / "models").read_bytes() == updates.files(2)[1]


def test_only_the_timestamp_is_asked_for_anew(web: httpx.Client, model: str) -> None:
    paths = ("/updates/metadata/timestamp.json", "/updates/metadata/1.root.json", model)
    assert [web.get(path).headers["cache-control"] for path in paths] == ["no-cache", FOR_EVER, FOR_EVER]
    kinds = [web.get(path).headers["content-type"] for path in paths]
    assert kinds == ["application/json", "application/json", "application/octet-stream"]
    same = web.get(paths[0], headers={"If-None-Match": web.get(paths[0]).headers["etag"]})
    assert (same.status_code, same.content, same.headers["cache-control"]) == (304, b"", "no-cache")


def test_a_root_that_is_not_there_yet_is_not_remembered_as_missing(web: httpx.Client) -> None:
    answer = web.get("/updates/metadata/2.root.json")
    assert (answer.status_code, answer.headers["cache-control"]) == (404, "no-cache")
    assert answer.headers["access-control-allow-origin"] == "*"


def test_a_download_can_be_resumed(web: httpx.Client, model: str) -> None:
    whole = updates.files(2)[1]
    rest = web.get(model, headers={"Range": "bytes=1000-"})
    assert (rest.status_code, rest.content) == (206, whole[1000:])
    assert rest.headers["content-range"] == f"bytes 1000-{len(whole) - 1}/{len(whole)}"
    assert web.get(model, headers={"Range": f"bytes={len(whole)}-"}).status_code == 416


def test_pages_of_other_origins_may_read_it_and_ask_for_ranges(web: httpx.Client, model: str) -> None:
    answer = web.get(model, headers={"Origin": "https://another-app.example", "Accept-Encoding": "gzip, zstd"})
    assert answer.headers["access-control-allow-origin"] == "*"
    assert {"Content-Range", "Date", "ETag"} <= set(answer.headers["access-control-expose-headers"].split(", "))
    assert "content-encoding" not in answer.headers
    before = web.options(model, headers={"Origin": "https://another-app.example"})
    assert (before.status_code, before.headers["access-control-allow-origin"]) == (204, "*")
    assert "Range" in before.headers["access-control-allow-headers"].split(", ")


@pytest.mark.parametrize("path", ["/", "/secret.txt", "/updates/", "/updates/metadata/", "/updates/../secret.txt"])
def test_nothing_else_is_served(web: httpx.Client, path: str) -> None:
    assert web.get(path).status_code in {403, 404}


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
def test_nothing_can_be_written(web: httpx.Client, model: str, method: str) -> None:
    assert web.request(method, model).status_code == 405
