"""The small city before which the app is tested does what a real one does; asked with the reference phone."""

from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from backend.settings import Settings
from mobile_models.updates.following.refusals import RefusalReason, UpdateRefused
from phone.client import GuideReader, Phone, UpdateState
from phone.submission import Submission
from tests import pictures, tiny_model
from tests.services import free_port
from tests.web import city as cities
from tests.web.city import City


@pytest.fixture
def city(migrated_sqlite_url: str, tmp_path: Path) -> Iterator[City]:
    """Without the app, so that it needs no Node."""
    bundled = tiny_model.release_folder(tmp_path / "bundled")
    settings = Settings(
        data_dir=tmp_path / "var", database_url=migrated_sqlite_url, bundled_release=bundled, port=free_port()
    )
    with cities.built(settings) as city:
        yield city


@pytest.fixture
def make_phone(city: City, tmp_path: Path) -> Iterator[Callable[[], Phone]]:
    opened: list[Phone] = []

    def make() -> Phone:
        root = httpx.get(f"{city.url}/app/trusted/root.json").content
        bundled, reader = city.settings.resolved_bundled_release, GuideReader("example")
        opened.append(Phone(tmp_path / f"phone-{len(opened)}", city.url, root, bundled, reader=reader))
        return opened[-1]

    yield make
    for phone in opened:
        phone.close()


def test_releases_rollouts_and_guides_reach_phones(city: City, make_phone: Callable[[], Phone]) -> None:
    phone = make_phone()
    assert phone.update() == UpdateState.UP_TO_DATE
    city.publish(2)
    assert (phone.update(), phone.release) == (UpdateState.UPDATED, 2)
    city.publish(3, percent=0.01)
    assert phone.update() == UpdateState.UP_TO_DATE
    city.widen(3, 100)
    assert (phone.update(), phone.release) == (UpdateState.UPDATED, 3)
    city.halt(3)
    assert (phone.update(), phone.release) == (UpdateState.UPDATED, 2)
    city.return_to_bundled()
    assert (phone.update(), phone.release) == (UpdateState.RETURNED_TO_BUNDLED, 1)
    city.change_guide(lambda guide: guide.model_copy(update={"names": {**guide.names, "en": "Riverside"}}))
    phone.update()
    assert httpx.get(f"{city.url}/app/installation.json").json()["name"] == "Riverside"


def test_what_is_tampered_with_is_refused_until_it_is_put_back(city: City, make_phone: Callable[[], Phone]) -> None:
    phone = make_phone()
    city.publish(2)
    with (
        city.tampered("targets/patches/*", None),
        city.tampered("targets/models/2/*.model.tflite", lambda content: content[:-1] + b"?"),
        pytest.raises(UpdateRefused) as refused,
    ):
        phone.update()
    assert (refused.value.reason, phone.release) == (RefusalReason.TAMPERED_FILE, 1)
    with city.tampered("metadata/timestamp.json", None), pytest.raises(UpdateRefused):
        phone.update()


def test_a_photo_is_inspected_reviewed_and_learned_from(city: City, make_phone: Callable[[], Phone]) -> None:
    phone = make_phone()
    photo = pictures.jpeg("glass")
    said = phone.classify(photo)
    sent = phone.keep(photo, said, Submission(correction="glass", allow_review=True, allow_training=True))
    city.stop()
    assert not answers(city)
    city.start()
    assert phone.send().delivered == 1
    city.work()
    city.review(sent, "glass")
    city.publish(2)
    city.teach(2, sent)
    status = phone.status(sent)
    assert (status.gold_label, status.in_releases) == ("glass", (2,))
    assert [row.id for row in city.photos()] == [sent]


def answers(city: City) -> bool:
    try:
        return httpx.get(f"{city.url}/healthz").is_success
    except httpx.ConnectError:
        return False
