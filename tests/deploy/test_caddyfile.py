"""deploy/Caddyfile is one that Caddy takes."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

CADDYFILE = Path(__file__).parents[2] / "deploy" / "Caddyfile"
CADDY = shutil.which("caddy")


@pytest.mark.skipif(CADDY is None, reason="Caddy is not installed: deploy/Caddyfile stays UNTESTED here")
def test_caddy_takes_the_configuration_as_it_is_offered(tmp_path: Path) -> None:
    assert CADDY is not None
    environment = os.environ | {"HOME": str(tmp_path), "XDG_DATA_HOME": str(tmp_path), "WASTELENS_DOMAIN": "localhost"}
    command = [CADDY, "validate", "--adapter", "caddyfile", "--config", str(CADDYFILE)]
    subprocess.run(command, env=environment, check=True)
