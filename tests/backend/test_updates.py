"""The update repository as static files, from a folder and from a bucket."""

import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import obstore
import pytest
from obstore.store import ObjectStore

from backend import migrations
from backend.intake import photo_store
from backend.settings import Settings
from tests.backend.world import running

MODEL = bytes(range(256)) * 4000
TARGET = "targets/models/1/0a1b.model.tflite"


@pytest.fixture(scope="module", params=["folder", "bucket"])
def world(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[httpx.Client, ObjectStore]]:
    folder: Path = tmp_path_factory.mktemp("updates")
    changes = {} if request.param == "folder" else request.getfixturevalue("bucket_settings")
    settings = Settings(data_dir=folder, **changes)
    migrations.upgrade(settings.resolved_database_url)
    store = photo_store.open_store(settings, settings.resolved_updates_url)
    obstore.put(store, TARGET, MODEL)
    obstore.put(store, "metadata/timestamp.json", b'{"version": 1}')
    obstore.put(store, "metadata/1.root.json", b'{"version": 1}')
    obstore.put(store, "metadata/empty.json", b"")
    obstore.put(store, "secret.txt", b"outside of the two folders")
    with running(settings) as (client, _):
        yield client, store


@pytest.fixture
def updates(world: tuple[httpx.Client, ObjectStore]) -> httpx.Client:
    return world[0]


def get(client: httpx.Client, path: str, **headers: str) -> httpx.Response:
    return client.get(f"/updates/{path}", headers={name.replace("_", "-"): value for name, value in headers.items()})


def test_targets_are_served_whole_and_may_be_kept_for_ever(updates: httpx.Client) -> None:
    answer = get(updates, TARGET)
    assert (answer.status_code, answer.content) == (200, MODEL)
    assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert answer.headers["content-type"] == "application/octet-stream"
    assert answer.headers["accept-ranges"] == "bytes"


def test_metadata_is_asked_for_anew_and_answered_briefly_when_unchanged(
    world: tuple[httpx.Client, ObjectStore],
) -> None:
    client, store = world
    first = get(client, "metadata/timestamp.json")
    assert first.headers["cache-control"] == "no-cache"
    assert first.headers["content-type"] == "application/json"
    tag = first.headers["etag"]
    for header in (tag, f"W/{tag}", f'"other", {tag}', "*"):
        same = get(client, "metadata/timestamp.json", if_none_match=header)
        assert (same.status_code, same.content, same.headers["etag"]) == (304, b"", tag)
    obstore.put(store, "metadata/timestamp.json", b'{"version": 22}')
    while (changed := get(client, "metadata/timestamp.json", if_none_match=tag)).status_code == 304:
        time.sleep(0.05)  # A bucket is asked about once a second.
    assert (changed.status_code, changed.content) == (200, b'{"version": 22}')


def test_numbered_metadata_never_changes_and_what_is_missing_may_come_at_any_time(updates: httpx.Client) -> None:
    assert get(updates, "metadata/1.root.json").headers["cache-control"] == "public, max-age=31536000, immutable"
    missing = get(updates, "metadata/2.root.json")
    assert (missing.status_code, missing.headers["cache-control"]) == (404, "no-cache")


@pytest.mark.parametrize(
    ("path", "asked", "status"),
    [
        ("metadata/timestamp.json", "", 200),
        (TARGET, "bytes=5-9", 206),
        ("metadata/2.root.json", "", 404),
        (TARGET, "bytes=99999999-", 416),
    ],
)
def test_pages_of_other_origins_may_read_every_answer(
    updates: httpx.Client, path: str, asked: str, status: int
) -> None:
    answer = get(updates, path, origin="https://another-app.example", range=asked)
    assert (answer.status_code, answer.headers["access-control-allow-origin"]) == (status, "*")
    exposed = answer.headers["access-control-expose-headers"].split(", ")
    assert {"Content-Range", "Date", "ETag"} <= set(exposed)


def test_a_browser_that_asks_first_may_send_ranges_and_conditions(updates: httpx.Client) -> None:
    answer = updates.options(f"/updates/{TARGET}", headers={"Origin": "https://another-app.example"})
    assert (answer.status_code, answer.content) == (204, b"")
    assert answer.headers["access-control-allow-origin"] == "*"
    assert answer.headers["access-control-allow-methods"] == "GET, HEAD"
    allowed = answer.headers["access-control-allow-headers"].split(", ")
    assert {"Range", "If-Range", "If-None-Match", "Cache-Control"} <= set(allowed)


def test_a_list_of_many_models_is_served_though_it_is_not_kept_in_memory(
    world: tuple[httpx.Client, ObjectStore],
) -> None:
    client, store = world
    long = b"[" + b" " * 100_000 + b"]"
    obstore.put(store, "metadata/9.targets.json", long)
    assert get(client, "metadata/9.targets.json").content == long
    assert get(client, "metadata/9.targets.json", range="bytes=100000-").content == b" ]"


def test_head_tells_everything_but_the_content(updates: httpx.Client) -> None:
    answer = updates.head(f"/updates/{TARGET}")
    assert (answer.status_code, answer.content) == (200, b"")
    assert answer.headers["content-length"] == str(len(MODEL))
    assert answer.headers["etag"] == get(updates, TARGET).headers["etag"]


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ("bytes=0-0", (0, 1)),
        ("bytes=1000-1999", (1000, 2000)),
        ("bytes=600000-", (600_000, len(MODEL))),
        ("bytes=-100", (len(MODEL) - 100, len(MODEL))),
        ("bytes=1023990-99999999", (1_023_990, len(MODEL))),
        ("bytes=-99999999", (0, len(MODEL))),
    ],
)
def test_a_download_can_be_resumed_anywhere(updates: httpx.Client, asked: str, expected: tuple[int, int]) -> None:
    answer = get(updates, TARGET, range=asked)
    start, end = expected
    assert (answer.status_code, answer.content) == (206, MODEL[start:end])
    assert answer.headers["content-range"] == f"bytes {start}-{end - 1}/{len(MODEL)}"
    assert answer.headers["content-length"] == str(end - start)


@pytest.mark.parametrize("asked", [f"bytes={len(MODEL)}-", "bytes=99999999-", "bytes=-0"])
def test_bytes_that_do_not_exist_are_not_satisfiable(updates: httpx.Client, asked: str) -> None:
    answer = get(updates, TARGET, range=asked)
    assert (answer.status_code, answer.json()["code"]) == (416, "range_not_satisfiable")
    assert answer.headers["content-range"] == f"bytes */{len(MODEL)}"


@pytest.mark.parametrize("asked", ["bytes=5-2", "bytes=0-1,5-6", "pages=1-2", "bytes=-", "bytes=a-b"])
def test_a_range_that_makes_no_sense_gives_the_whole_file(updates: httpx.Client, asked: str) -> None:
    answer = get(updates, TARGET, range=asked)
    assert (answer.status_code, len(answer.content)) == (200, len(MODEL))


def test_a_download_of_another_version_is_not_resumed(updates: httpx.Client) -> None:
    tag = get(updates, TARGET).headers["etag"]
    assert get(updates, TARGET, range="bytes=5-9", if_range=tag).status_code == 206
    assert get(updates, TARGET, range="bytes=5-9", if_range='"older"').status_code == 200


def test_an_empty_file_is_an_empty_answer(updates: httpx.Client) -> None:
    answer = get(updates, "metadata/empty.json")
    assert (answer.status_code, answer.content, answer.headers["content-length"]) == (200, b"", "0")


@pytest.mark.parametrize(
    "path",
    [
        "secret.txt",
        "metadata",
        "metadata/",
        "metadata/missing.json",
        "targets/../secret.txt",
        "targets/%2e%2e/secret.txt",
        "metadata/..%2fsecret.txt",
        "metadata//etc/passwd",
        "metadata/%00",
        "targets/.hidden",
    ],
)
def test_nothing_else_is_served(updates: httpx.Client, path: str) -> None:
    answer = updates.get(httpx.URL(f"{updates.base_url}/updates/{path}"))
    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"


def test_the_update_repository_cannot_be_written(updates: httpx.Client) -> None:
    for method in ("PUT", "POST", "DELETE"):
        answer = updates.request(method, f"/updates/{TARGET}")
        assert (answer.status_code, answer.json()["code"]) == (405, "method_not_allowed")
