"""Classification by the server, and how it follows the current release."""

import json
from pathlib import Path

import httpx
import numpy as np
import obstore
import pytest
from obstore.store import MemoryStore, ObjectStore
from sqlalchemy import Engine
from sqlmodel import Session

from backend.api.dependencies import Parts
from backend.database import transaction
from backend.errors import Unavailable
from backend.releasing.current_model import CHECK_SECONDS, RETRY_SECONDS, CurrentModel
from backend.releasing.release_files import release_key
from backend.settings import Settings
from backend.tables import DatasetSnapshotRow, Release, ReleaseChannel, Rollout, TrainingMode, TrainingRun
from mobile_models.classifier import Classifier
from tests import pictures, tiny_model
from tests.backend.world import Resident, publish_release, register, running


def ask(resident: Resident, photo: bytes) -> httpx.Response:
    return resident.ask("POST", "/v1/classify", files={"photo": ("a.jpg", photo)})


def test_the_server_answers_exactly_as_a_phone_would(resident: Resident, release: Path) -> None:
    photo = pictures.jpeg("plastic", size=(3000, 2000))
    answer = ask(resident, photo).json()
    on_the_phone = Classifier.load(release).classify(photo)
    assert (answer["label"], answer["release"]) == ("plastic", 1)
    assert answer["scores"] == pytest.approx(on_the_phone.scores)
    assert answer["milliseconds"] > 0


def test_a_photo_that_is_only_classified_is_not_kept(resident: Resident, release: Path, storage: ObjectStore) -> None:
    assert ask(resident, pictures.jpeg()).status_code == 200
    assert [meta for batch in obstore.list(storage, "photos/") for meta in batch] == []


def test_without_a_release_it_says_so_and_when_to_ask_again(resident: Resident) -> None:
    answer = ask(resident, pictures.jpeg())
    assert (answer.status_code, answer.json()["code"]) == (503, "no_model")
    assert answer.headers["retry-after"]


def test_a_bad_photo_is_refused_as_in_a_submission(resident: Resident, release: Path) -> None:
    answer = ask(resident, b"no photo")
    assert (answer.status_code, answer.json()["code"]) == (415, "unsupported_format")
    assert resident.ask("POST", "/v1/classify").json()["code"] == "no_photo"


def test_a_stranger_is_not_served(client: httpx.Client, release: Path) -> None:
    assert client.post("/v1/classify", files={"photo": pictures.jpeg()}).status_code == 401


def test_a_device_that_asks_too_often_must_wait(settings: Settings) -> None:
    with running(settings.model_copy(update={"classifications_per_device_per_minute": 1})) as (client, _):
        eager, other = register(client), register(client)
        codes = [ask(eager, pictures.jpeg()).json()["code"] for _ in range(2)]
        assert codes == ["no_model", "too_many"]
        assert ask(other, pictures.jpeg()).json()["code"] == "no_model"


def test_an_address_that_registers_too_many_devices_must_wait(settings: Settings) -> None:
    with running(settings.model_copy(update={"registrations_per_address_per_hour": 1})) as (client, _):
        assert [client.post("/v1/devices").status_code for _ in range(2)] == [201, 429]


def test_behind_a_trusted_proxy_each_resident_has_an_address_of_their_own(settings: Settings) -> None:
    limited = settings.model_copy(update={"registrations_per_address_per_hour": 1})
    for trusted, expected in (("127.0.0.0/8", [201, 201, 429]), ("10.0.0.0/8", [201, 429, 429])):
        with running(limited.model_copy(update={"trusted_proxies": trusted})) as (client, _):
            addresses = ("203.0.113.5", "203.0.113.6", "203.0.113.5")
            answers = [client.post("/v1/devices", headers={"X-Forwarded-For": address}) for address in addresses]
        assert [answer.status_code for answer in answers] == expected


def test_a_new_release_answers_without_a_restart(
    resident: Resident, parts: Parts, release: Path, tmp_path: Path
) -> None:
    assert ask(resident, pictures.jpeg("glass")).json()["label"] == "glass"
    publish_release(parts.engine, parts.storage, tmp_path / "releases", 2, confused=True)
    parts.current_model._next_check_at = 0.0
    answer = ask(resident, pictures.jpeg("glass")).json()
    assert (answer["label"], answer["release"]) == ("cardboard", 2)


class Clock:
    seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def memory() -> ObjectStore:
    return MemoryStore()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def model(engine: Engine, memory: ObjectStore, clock: Clock) -> CurrentModel:
    return CurrentModel(engine, memory, clock=clock)


def later(clock: Clock, model: CurrentModel, seconds: float = CHECK_SECONDS) -> int:
    """Return the version that answers after `seconds`."""
    clock.seconds += seconds
    return model.classifier().manifest.version


def set_channel(engine: Engine, **columns: object) -> None:
    with transaction(engine) as session:
        session.get_one(ReleaseChannel, "stable").sqlmodel_update(columns)


def test_it_looks_again_only_after_a_while(
    engine: Engine, memory: ObjectStore, clock: Clock, model: CurrentModel, tmp_path: Path
) -> None:
    with pytest.raises(Unavailable):
        model.classifier()
    publish_release(engine, memory, tmp_path, 1)
    with pytest.raises(Unavailable):
        model.classifier()
    assert later(clock, model) == 1
    publish_release(engine, memory, tmp_path, 2)
    assert later(clock, model, CHECK_SECONDS / 2) == 1
    assert later(clock, model) == 2


def test_it_goes_back_with_the_channel_and_to_the_bundled_release(
    engine: Engine, memory: ObjectStore, clock: Clock, model: CurrentModel, tmp_path: Path
) -> None:
    publish_release(engine, memory, tmp_path, 1)
    publish_release(engine, memory, tmp_path, 2)
    assert later(clock, model) == 2
    with transaction(engine) as session:  # Unlike the first, this one was made by a run.
        session.get_one(Release, 2).training_run_id = _run(session)
    set_channel(engine, return_to_bundled=True)
    assert later(clock, model) == 1
    set_channel(engine, return_to_bundled=False)
    assert later(clock, model) == 2
    set_channel(engine, current_version=None)
    assert later(clock, model) == 1


def _run(session: Session) -> str:
    session.add(DatasetSnapshotRow(id=1, requested_by="ada"))
    session.flush()
    run = TrainingRun(
        recipe={}, mode=TrainingMode.FINE_TUNE, weights="", seed=1, snapshot_id=1, trigger="hand", requested_by="ada",
        release_version=2,
    )  # fmt: skip
    session.add(run)
    session.flush()
    return run.id


@pytest.mark.parametrize("damage", ["model", "manifest", "missing"])
def test_a_release_that_fails_to_load_leaves_the_one_before_in_place(
    engine: Engine, memory: ObjectStore, clock: Clock, model: CurrentModel, tmp_path: Path, damage: str
) -> None:
    publish_release(engine, memory, tmp_path, 1)
    assert later(clock, model) == 1
    release = publish_release(engine, memory, tmp_path, 2)
    if damage == "missing":
        obstore.delete(memory, release_key(2, "model.tflite"))
    else:
        file = "model.tflite" if damage == "model" else "manifest.json"
        obstore.put(memory, release_key(2, file), json.dumps({"damaged": True}).encode())
    assert later(clock, model) == 1
    for file in ("model.tflite", "manifest.json"):
        obstore.put(memory, release_key(2, file), (release / file).read_bytes())
    assert later(clock, model) == 1, "it is left alone for a while"
    assert later(clock, model, RETRY_SECONDS) == 2


def test_a_release_for_some_phones_only_is_not_the_servers(
    engine: Engine, memory: ObjectStore, clock: Clock, model: CurrentModel, tmp_path: Path
) -> None:
    publish_release(engine, memory, tmp_path, 1)
    publish_release(engine, memory, tmp_path, 2)
    set_channel(engine, current_version=1)
    with transaction(engine) as session:
        session.add(Rollout(channel="stable", version=2, rollout_percent=5, plan=[]))
    assert later(clock, model) == 1


def test_preparing_in_the_sandbox_feeds_the_very_same_pixels(parts: Parts) -> None:
    photo = pictures.jpeg("metal", size=(500, 301))
    manifest = tiny_model.manifest(tiny_model.model_bytes())
    found = parts.sandbox.prepare(photo, manifest.input_spec)
    from mobile_models import photo as photos  # noqa: PLC0415  # Only this test decodes here.

    np.testing.assert_array_equal(found, manifest.input_spec.prepare(photos.decode(photo)))
