from pathlib import Path

import httpx
import obstore
from obstore.store import ObjectStore
from sqlalchemy import Engine, text

from backend import publisher
from backend.api.dependencies import Parts
from backend.database import transaction
from backend.tables import Release
from mobile_models.manifest import ReleaseManifest
from tests.backend import staff_world


def test_a_server_with_everything_is_ready(client: httpx.Client, release: Path) -> None:
    assert client.get("/healthz").json() == {"status": "ok"}
    answer = client.get("/readyz")
    assert (answer.status_code, answer.json()) == (200, {"status": "ok"})


def test_without_a_release_it_is_alive_and_says_that_the_model_is_missing(client: httpx.Client) -> None:
    assert client.get("/healthz").status_code == 200
    answer = client.get("/readyz")
    assert answer.status_code == 503
    assert answer.json()["missing"] == {"model": "no release is published to everybody"}
    assert answer.headers["content-type"] == "application/problem+json"


def test_two_models_of_one_number_are_a_warning(client: httpx.Client, release: Path, parts: Parts) -> None:
    bundled = ReleaseManifest.read(parts.settings.resolved_bundled_release / "manifest.json")
    with transaction(parts.engine) as session:
        session.add(Release(version=bundled.version, manifest=bundled.model_dump(mode="json"), blessing={}))
    assert client.get("/readyz").json() == {"status": "ok"}, "it is the same one"
    with transaction(parts.engine) as session:
        own = staff_world.manifest(bundled.version).model_dump(mode="json")
        session.get_one(Release, bundled.version).manifest = own
    (warning,) = client.get("/readyz").json()["warnings"]
    assert warning.startswith(f"the bundled release has the number {bundled.version}, and so has another model")


def test_without_the_files_of_its_release_it_is_not_ready(
    client: httpx.Client, release: Path, storage: ObjectStore
) -> None:
    obstore.delete(storage, "artefacts/releases/1/model.tflite")
    assert client.get("/readyz").json()["missing"] == {"model": "the files of release 1 are not in storage"}


def test_with_another_database_than_its_own_it_is_not_ready(
    client: httpx.Client, release: Path, engine: Engine
) -> None:
    with engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = 'unknown'"))
    assert client.get("/readyz").json()["missing"] == {"database": "its migrations are not those of this version"}


def test_with_a_broken_database_it_tells_nothing_of_the_inside(client: httpx.Client, engine: Engine) -> None:
    with engine.begin() as connection:
        connection.execute(text("ALTER TABLE release_channels RENAME TO lost"))
    answer = client.get("/readyz")
    assert answer.json()["missing"] == {"model": "cannot be reached"}
    assert "release_channels" not in answer.text


def test_what_will_expire_is_a_warning_of_a_server_that_is_ready(
    client: httpx.Client, release: Path, engine: Engine
) -> None:
    with transaction(engine) as session:
        publisher.note_problems(session, ["root expires on 2027-01-01, and too few of its keys are here"])
    answer = client.get("/readyz")
    assert answer.status_code == 200
    assert answer.json()["warnings"] == ["root expires on 2027-01-01, and too few of its keys are here"]
    assert client.get("/healthz").json() == {"status": "ok"}
