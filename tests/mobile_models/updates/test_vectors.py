"""The reference client gives the verdicts that the test vectors ask of every client, over real HTTP."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from mobile_models.document import file_sha256
from mobile_models.manifest import ReleaseManifest
from mobile_models.updates.following import updater
from mobile_models.updates.following.updater import UpdateRefused, UpdateSource
from tests import updates
from tests.updates import StaticServer
from tests.vectors.updates import make_vectors

VECTORS = make_vectors.FOLDER
PHONE = VECTORS / "phone"
NAMES = sorted(path.parent.name for path in VECTORS.glob("*/expected.json"))


@dataclass(frozen=True)
class Web:
    server: StaticServer
    http: httpx.Client

    def visit(self, name: str, folder: Path, visit: dict[str, Any], device_id: str) -> dict[str, Any]:
        """Let a phone that remembers in `folder` look once, and return what it made of it."""
        moment = datetime.strptime(visit["moment"], "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
        url, root = f"{self.server.url}/{name}/{visit['repository']}", (PHONE / "root.json").read_bytes()
        source = UpdateSource(url, root, folder, self.http, clock=lambda: moment)
        try:
            made = verdict(source, self.server, visit, device_id)
        except UpdateRefused as refusal:
            made = {"verdict": "refused", "reason": str(refusal.reason)}
        if "city" not in visit:
            return made
        guide = updater.guide(source, visit["city"])
        return made | {"guide": guide and guide.version}


@pytest.fixture(scope="module")
def web() -> Iterator[Web]:
    with updates.serving(VECTORS) as server, httpx.Client(timeout=30) as http:
        yield Web(server, http)


def verdict(source: UpdateSource, server: StaticServer, visit: dict[str, Any], device_id: str) -> dict[str, Any]:
    models = {file_sha256(PHONE / "model.tflite"): PHONE / "model.tflite"}
    offer = updater.look(source, visit["channel"], device_id, models, visit.get("city"))
    if offer is None:
        return {"verdict": "bundled"}
    about_phone = json.loads((PHONE / "phone.json").read_text())
    updater.check_fits(offer, ReleaseManifest.read(PHONE / "manifest.json"), **about_phone)
    server.bodies.clear()
    installed = updater.download_model(source, offer, source.directory / "models", models)
    whole, patch = server.moved(".tflite"), server.moved(".patch")
    conditions = {name: asked for name, asked in offer.conditions.model_dump().items() if asked}
    return {
        "verdict": "release",
        "version": offer.manifest.version,
        "manifest_sha256": offer.digest,
        "model_sha256": file_sha256(installed.path),
        "download": "whole" if whole else "patch" if patch else "none",
        "bytes": whole or patch,
    } | ({"conditions": conditions} if conditions else {})


@pytest.mark.parametrize("name", NAMES)
def test_the_reference_client_gives_the_expected_verdict(web: Web, name: str, tmp_path: Path) -> None:
    expected = json.loads((VECTORS / name / "expected.json").read_text())
    for each in expected["visits"]:
        made = {phone: web.visit(name, tmp_path / phone, each, phone) for phone in each["phones"]}
        assert made == each["phones"], expected["about"]


def test_the_files_are_what_their_generator_makes() -> None:
    made = make_vectors.vectors()
    kept = {path for path in VECTORS.rglob("*") if path.is_file() and path.suffix not in {".py", ".pyc"}}
    assert {str(path.relative_to(VECTORS)) for path in kept} - {"README.md"} == made.keys()
    assert all((VECTORS / path).read_bytes() == content for path, content in made.items())
    assert sum(map(len, made.values())) < 600_000
