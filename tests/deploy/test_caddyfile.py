"""deploy/Caddyfile is one that Caddy takes, and through which the residents' app arrives as the server sends it."""

import gzip
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from backend.api.web_app_headers import HEADERS
from backend.settings import Settings
from tests.backend.world import running
from tests.services import free_port
from tests.waiting import PATIENCE_SECONDS, listens, wait_until

CADDYFILE = Path(__file__).parents[2] / "deploy" / "Caddyfile"
CADDY = shutil.which("caddy")
SCRIPT = b"console.log('the app');" * 200

pytestmark = pytest.mark.skipif(CADDY is None, reason="Caddy is not installed: deploy/Caddyfile stays UNTESTED here")


def environment(folder: Path, domain: str) -> dict[str, str]:
    return os.environ | {"HOME": str(folder), "XDG_DATA_HOME": str(folder), "WASTELENS_DOMAIN": domain}


def command(act: str, file: Path) -> list[str]:
    assert CADDY is not None
    return [CADDY, act, "--adapter", "caddyfile", "--config", str(file)]


@pytest.fixture(scope="module")
def front(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    """Our server behind Caddy with the offered file, without TLS and on another port."""
    folder = tmp_path_factory.mktemp("front")
    (folder / "dist" / "assets").mkdir(parents=True)
    (folder / "dist" / "index.html").write_text("<!doctype html><title>app</title>" + " " * 2000)
    (folder / "dist" / "assets" / "main.js").write_bytes(SCRIPT)
    (folder / "dist" / "assets" / "main.js.gz").write_bytes(gzip.compress(SCRIPT))
    with running(Settings(data_dir=folder / "var", web_app_dir=folder / "dist")) as (client, _):
        offered, port = CADDYFILE.read_text(), free_port()
        assert offered.count("server:8000") == 1
        changed = offered.replace("server:8000", f"127.0.0.1:{client.base_url.port}").replace("{", "{\n\tadmin off", 1)
        (folder / "Caddyfile").write_text(changed)
        known = environment(folder, f"http://127.0.0.1:{port}")
        with subprocess.Popen(command("run", folder / "Caddyfile"), env=known, stderr=subprocess.DEVNULL) as process:
            try:
                wait_until(lambda: listens(port), process)
                with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=PATIENCE_SECONDS) as through:
                    yield through
            finally:
                process.terminate()


def test_caddy_takes_the_configuration_as_it_is_offered(tmp_path: Path) -> None:
    subprocess.run(command("validate", CADDYFILE), env=environment(tmp_path, "localhost"), check=True)


@pytest.mark.parametrize("path", ["/app/", "/app/assets/main.js", "/app/nothing.js"])
def test_what_isolates_the_app_arrives(front: httpx.Client, path: str) -> None:
    answer = front.get(path)
    assert {name: answer.headers.get(name) for name in HEADERS} == HEADERS


def test_the_copies_of_the_app_arrive_as_they_were_made(front: httpx.Client) -> None:
    answer = front.get("/app/assets/main.js", headers={"Accept-Encoding": "zstd, gzip"})
    assert (answer.content, answer.headers["content-encoding"]) == (SCRIPT, "gzip")
    tag = answer.headers["etag"]
    same = front.get("/app/assets/main.js", headers={"Accept-Encoding": "zstd, gzip", "If-None-Match": tag})
    assert (same.status_code, same.headers["etag"]) == (304, tag)
    plain = front.get("/app/", headers={"Accept-Encoding": "zstd, gzip"})
    assert "content-encoding" not in plain.headers
