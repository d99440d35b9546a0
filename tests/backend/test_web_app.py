"""The residents' web app as it is served, and what it must know before it has any signed update."""

import gzip
import json
import os
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import httpx
import obstore
import pytest
from pydantic import ValidationError

from backend import migrations
from backend.api.web_app_headers import HEADERS
from backend.database import transaction
from backend.guides import guidance
from backend.intake import photo_store
from backend.settings import Settings
from mobile_models.document import file_sha256
from tests import tiny_model
from tests.backend.world import running

FOR_EVER = "public, max-age=31536000, immutable"
SCRIPT = b"console.log(1);" * 50
FILES = {
    "index.html": b"<!doctype html><title>app</title>",
    "service-worker.js": b"self.skipWaiting()",
    "app.webmanifest": b"{}",
    "assets/main-8f3a.js": SCRIPT,
    "assets/main-8f3a.js.gz": gzip.compress(SCRIPT),
    "assets/main-8f3a.js.br": b"as if it were brotli",
    "assets/litert-77aa.wasm": b"\0asm",
    ".secret": b"hidden",
}
ROOT = b'{"signed": {"_type": "root", "version": 1}}\n'


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    folder = tmp_path_factory.mktemp("city")
    for name, content in FILES.items():
        (folder / "dist" / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / "dist" / name).write_bytes(content)
    (folder / "outside.js").write_bytes(b"outside")
    (folder / "dist" / "link.js").symlink_to(folder / "outside.js")
    release = tiny_model.release_folder(folder / "releases", 3)
    settings = Settings(data_dir=folder / "var", web_app_dir=folder / "dist", bundled_release=release)
    migrations.upgrade(settings.resolved_database_url)
    return settings


@pytest.fixture(scope="module")
def web(settings: Settings) -> Iterator[httpx.Client]:
    with running(settings) as (client, parts):
        client.headers["Accept-Encoding"] = "identity"
        with transaction(parts.engine) as session:
            guidance.load_example(session)
        yield client


def serving(settings: Settings, **changes: object) -> AbstractContextManager[tuple[httpx.Client, object]]:
    return running(settings.model_copy(update=changes))


@pytest.mark.parametrize("path", ["/", "/app"])
def test_short_addresses_lead_to_the_app(web: httpx.Client, path: str) -> None:
    answer = web.get(path)
    assert (answer.status_code, answer.headers["location"]) == (307, "/app/")


@pytest.mark.parametrize("path", ["/app/", "/app/photos", "/app/photos/7/edit", "/app/assets/"])
def test_the_app_answers_for_its_own_addresses(web: httpx.Client, path: str) -> None:
    answer = web.get(path)
    assert (answer.status_code, answer.content) == (200, FILES["index.html"])
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert answer.headers["cache-control"] == "no-cache"


@pytest.mark.parametrize(
    ("path", "media_type", "cached"),
    [
        ("service-worker.js", "text/javascript; charset=utf-8", "no-cache"),
        ("app.webmanifest", "application/manifest+json", "no-cache"),
        ("assets/main-8f3a.js", "text/javascript; charset=utf-8", FOR_EVER),
        ("assets/litert-77aa.wasm", "application/wasm", FOR_EVER),
    ],
)
def test_files_say_what_they_are_and_how_long_they_may_be_kept(
    web: httpx.Client, path: str, media_type: str, cached: str
) -> None:
    answer = web.get(f"/app/{path}")
    assert (answer.status_code, answer.content) == (200, FILES[path])
    assert (answer.headers["content-type"], answer.headers["cache-control"]) == (media_type, cached)
    head = web.head(f"/app/{path}")
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["content-length"] == str(len(FILES[path]))


@pytest.mark.parametrize(
    "path",
    ["nothing.js", "assets/main-0000.js", ".secret", "..%2foutside.js", "link.js", "assets//main-8f3a.js", "a%00.js"],
)
def test_what_is_not_a_file_of_the_app_is_not_found(web: httpx.Client, path: str) -> None:
    answer = web.get(f"/app/{path}")
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
    assert answer.headers["cache-control"] == "no-cache"


@pytest.mark.parametrize(
    ("accepted", "coding"),
    [
        ("gzip, deflate, br, zstd", "br"),
        ("gzip", "gzip"),
        ("br;q=0, gzip;q=0.5", "gzip"),
        ("br; q=0.000", None),
        ("zstd", None),
        ("", None),
    ],
)
def test_the_smallest_copy_that_is_accepted_is_sent(web: httpx.Client, accepted: str, coding: str | None) -> None:
    wanted = {"br": FILES["assets/main-8f3a.js.br"], "gzip": FILES["assets/main-8f3a.js.gz"], None: SCRIPT}[coding]
    with web.stream("GET", "/app/assets/main-8f3a.js", headers={"Accept-Encoding": accepted}) as answer:
        assert b"".join(answer.iter_raw()) == wanted
    assert answer.headers.get("content-encoding") == coding
    assert answer.headers["vary"] == "Accept-Encoding"
    assert answer.headers["content-type"] == "text/javascript; charset=utf-8"


def test_each_copy_has_a_tag_of_its_own_and_is_not_sent_twice(web: httpx.Client) -> None:
    def ask(accepted: str, **headers: str) -> httpx.Response:
        with web.stream("GET", "/app/assets/main-8f3a.js", headers={"Accept-Encoding": accepted, **headers}) as answer:
            answer.read() if answer.status_code == 304 else b"".join(answer.iter_raw())
        return answer

    tags = {accepted: ask(accepted).headers["etag"] for accepted in ("br", "gzip", "identity")}
    assert len(set(tags.values())) == 3
    same = ask("br", **{"If-None-Match": tags["br"]})
    assert (same.status_code, same.content, same.headers["etag"]) == (304, b"", tags["br"])
    assert "content-encoding" not in same.headers
    assert ask("gzip", **{"If-None-Match": tags["br"]}).status_code == 200


def test_a_tag_names_content_also_where_all_files_have_one_date(settings: Settings, web: httpx.Client) -> None:
    file = settings.web_app_dir / "dated.js"
    tags = []
    for content in (b"111", b"222"):
        file.unlink(missing_ok=True)
        file.write_bytes(content)
        os.utime(file, (len(tags), len(tags)))
        tags.append(web.get("/app/dated.js").headers["etag"])
    file.write_bytes(b"111")
    os.utime(file, (9, 9))
    assert tags[0] != tags[1]
    assert web.get("/app/dated.js").headers["etag"] == tags[0]


@pytest.mark.parametrize(
    "path", ["/app", "/app/", "/app/nothing.js", "/app/installation.json", "/app/bundled/model.tflite"]
)
def test_every_answer_isolates_the_app(web: httpx.Client, path: str) -> None:
    answer = web.get(path)
    assert {name: answer.headers.get(name) for name in HEADERS} == HEADERS
    assert "'unsafe-inline'" not in answer.headers["content-security-policy"]


def test_the_app_may_fetch_updates_from_where_the_city_serves_them_and_from_nowhere_else(settings: Settings) -> None:
    with serving(settings, web_updates_url="https://cdn.example.org:8443/waste/updates") as (client, _):
        assert (
            client.get("/app/installation.json").json()["updates_url"] == "https://cdn.example.org:8443/waste/updates"
        )
        policy = client.get("/app/").headers["content-security-policy"].split("; ")
    changed = [each for each in policy if each not in HEADERS["Content-Security-Policy"].split("; ")]
    assert changed == ["connect-src 'self' blob: https://cdn.example.org:8443"]


@pytest.mark.parametrize(
    "wrong", ["/updates", "ftp://cdn.example.org", "https://cdn.example.org; script-src *", "https://"]
)
def test_an_address_of_updates_that_is_none_stops_the_start(wrong: str) -> None:
    with pytest.raises(ValidationError, match="web_updates_url"):
        Settings(web_updates_url=wrong)


def test_nothing_else_is_isolated(web: httpx.Client) -> None:
    """Updates, for one, are for every origin."""
    for path in ("/healthz", "/console/sign-in", "/updates/metadata/1.root.json", "/application"):
        assert "cross-origin-embedder-policy" not in web.get(path).headers


def test_it_tells_what_this_installation_is(settings: Settings, web: httpx.Client) -> None:
    answer = web.get("/app/installation.json")
    release = settings.resolved_bundled_release
    manifest, model = release / "manifest.json", release / "model.tflite"
    assert answer.json() == {
        "name": "Example city",
        "city": "example",
        "channel": "stable",
        "updates_url": "/updates",
        "root": "/app/trusted/root.json",
        "bundled": {
            "version": 3,
            "manifest_sha256": file_sha256(manifest),
            "manifest_bytes": manifest.stat().st_size,
            "model_sha256": file_sha256(model),
            "model_bytes": model.stat().st_size,
            "manifest": "/app/bundled/manifest.json",
            "model": "/app/bundled/model.tflite",
        },
    }
    assert answer.headers["cache-control"] == "no-cache"
    same = web.get("/app/installation.json", headers={"If-None-Match": answer.headers["etag"]})
    assert (same.status_code, same.content) == (304, b"")


def test_the_bundled_release_is_sent_byte_for_byte_and_resumed(settings: Settings, web: httpx.Client) -> None:
    told = web.get("/app/installation.json").json()["bundled"]
    model = (settings.resolved_bundled_release / "model.tflite").read_bytes()
    assert web.get(told["manifest"]).content == (settings.resolved_bundled_release / "manifest.json").read_bytes()
    whole = web.get(told["model"])
    assert (whole.content, whole.headers["etag"]) == (model, f'"{told["model_sha256"]}"')
    assert whole.headers["cache-control"] == "no-cache"
    rest = web.get(told["model"], headers={"Range": "bytes=100-", "If-Range": whole.headers["etag"]})
    assert (rest.status_code, rest.content) == (206, model[100:])
    assert rest.headers["content-range"] == f"bytes 100-{len(model) - 1}/{len(model)}"
    beyond = web.get(told["model"], headers={"Range": f"bytes={len(model)}-"})
    assert (beyond.status_code, beyond.json()["code"]) == (416, "range_not_satisfiable")
    assert web.get(told["model"], headers={"If-None-Match": whole.headers["etag"]}).status_code == 304


def test_the_first_root_is_told_byte_for_byte_as_soon_as_there_is_one(settings: Settings, web: httpx.Client) -> None:
    early = web.get("/app/trusted/root.json")
    assert (early.status_code, early.json()["code"]) == (503, "unavailable")
    assert "wastelens prepare" in early.json()["detail"]
    store = photo_store.open_store(settings, settings.resolved_updates_url)
    obstore.put(store, "metadata/1.root.json", ROOT)
    assert web.get("/app/trusted/root.json").content == ROOT


def test_a_city_without_a_guide_or_with_a_name_of_its_own_is_told_so(settings: Settings, web: httpx.Client) -> None:
    for changes, expected in (
        ({"city": ""}, ("Wastelens", None)),
        ({"city": "elsewhere"}, ("Wastelens", "elsewhere")),
        ({"city_name": "Waste of Riverside"}, ("Waste of Riverside", "example")),
    ):
        with serving(settings, **changes) as (client, _):
            told = client.get("/app/installation.json").json()
        assert (told["name"], told["city"]) == expected


def test_a_bundled_release_that_is_not_whole_is_not_told(settings: Settings, web: httpx.Client, tmp_path: Path) -> None:
    broken = tiny_model.release_folder(tmp_path, 4)
    (broken / "model.tflite").write_bytes(b"another model")
    for folder in (broken, tmp_path / "nothing"):
        with serving(settings, bundled_release=folder) as (client, _):
            for path in ("/app/installation.json", "/app/bundled/model.tflite"):
                answer = client.get(path)
                assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")


def test_where_the_app_was_never_built_it_says_so_and_the_rest_works(settings: Settings, tmp_path: Path) -> None:
    with serving(settings, web_app_dir=tmp_path / "dist") as (client, _):
        answer = client.get("/app/")
        assert (answer.status_code, answer.headers["content-type"]) == (503, "text/html; charset=utf-8")
        assert "make web" in answer.text
        assert client.get("/healthz").status_code == 200
        assert json.loads(client.get("/app/installation.json").content)["channel"] == "stable"
