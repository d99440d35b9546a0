"""nginx, where it is installed, with the configuration that `deploy/` offers to cities.

Guarantees: what is tested is the offered file, with another port and another folder; the process is ended by its id.
"""

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.services import free_port
from tests.waiting import listens, wait_until

PROGRAM = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin:/usr/local/sbin")
OFFERED = Path(__file__).parents[1] / "deploy" / "updates-nginx.conf"
needs_nginx = pytest.mark.skipif(
    PROGRAM is None, reason="nginx is not installed: deploy/updates-nginx.conf stays UNTESTED here"
)

_MAIN = """
{user}
pid {folder}/nginx.pid;
worker_processes {workers};
events {{ worker_connections 1024; }}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    include {folder}/updates.conf;
}}
"""


def write_configuration(folder: Path, data: Path, port: int, workers: int = 1) -> Path:
    """Let the offered configuration serve `data`/updates on 127.0.0.1 alone; `folder` is nginx's own."""
    offered = OFFERED.read_text()
    for theirs, ours in (("listen 80;", f"listen 127.0.0.1:{port};"), ("root /srv/wastelens;", f'root "{data}";')):
        assert offered.count(theirs) == 1, f"{OFFERED} should say {theirs!r} once"
        offered = offered.replace(theirs, ours)
    (folder / "updates.conf").write_text(offered)
    # As root it would become another user, who may not enter the folders of a test.
    user = "user root;" if os.geteuid() == 0 else ""
    main = folder / "nginx.conf"
    main.write_text(_MAIN.format(folder=folder, user=user, workers=workers))
    return main


def command(configuration: Path, *options: str) -> list[str]:
    assert PROGRAM is not None
    return [PROGRAM, "-p", str(configuration.parent), "-c", str(configuration), "-e", "stderr", *options]


@contextmanager
def serving(folder: Path, data: Path, workers: int = 1) -> Iterator[tuple[str, int]]:
    """Serve `data`/updates; gives the address of what lies in `data`, and the process id."""
    folder.mkdir()
    port = free_port()
    configuration = write_configuration(folder, data, port, workers)
    with subprocess.Popen(command(configuration, "-g", "daemon off;")) as process:
        try:
            wait_until(lambda: listens(port), process)
            yield f"http://127.0.0.1:{port}", process.pid
        finally:
            process.terminate()
