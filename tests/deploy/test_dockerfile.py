"""Dockerfile: the residents' app is built from all that it is made of, and lies where the server looks for it.

No image is built here; what the build does with Node is what `make web` does.
"""

import json
import re
from pathlib import Path

from backend.settings import Settings

ROOT = Path(__file__).parents[2]
DOCKERFILE = (ROOT / "Dockerfile").read_text()
STAGES = dict(re.findall(r"^FROM \S+ AS (\w+)\n(.*?)(?=^FROM |\Z)", DOCKERFILE, re.M | re.S))


def test_the_server_gets_the_app_where_it_looks_for_it() -> None:
    looked_for = Settings.model_fields["web_app_dir"].default.relative_to(ROOT)
    assert f"COPY --from=web /app/{looked_for} {looked_for}" in STAGES["server"]
    assert "WORKDIR /app/web" in STAGES["web"]


def test_the_app_is_built_with_what_it_takes_from_the_rest_of_the_program() -> None:
    """A missing folder would not fail the build: there would be no drawings on the bins."""
    sources = [path for path in (ROOT / "web" / "src").rglob("*.ts*") if ".test." not in path.name]
    named = {found for path in sources for found in re.findall(r"\"(?:\.\./)+(mobile_models/\w+)/", path.read_text())}
    assert named
    for folder in named:
        assert f"COPY {folder} ../{folder}" in STAGES["web"]


def test_the_node_that_builds_is_one_that_the_app_allows() -> None:
    (node,) = re.findall(r"^FROM node:(\d+)-slim AS web$", DOCKERFILE, re.M)
    least = json.loads((ROOT / "web" / "package.json").read_text())["engines"]["node"]
    assert int(node) >= int(re.findall(r">=\s*(\d+)", least)[0])


def test_what_is_built_here_does_not_get_into_the_image() -> None:
    left_out = (ROOT / ".dockerignore").read_text().split()
    assert {"web/node_modules", "web/dist", "web/build"} <= set(left_out)
