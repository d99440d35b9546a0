"""Where the model looked is shown for photos as they are stored now, and for nothing else."""

import io
from pathlib import Path

import obstore
import pytest
from PIL import Image
from sqlmodel import select

from backend import job_queue
from backend.intake import photo_store
from backend.releasing.release_files import release_key
from backend.reviewing import explanations
from backend.tables import Job, JobKind, Photo, PhotoId, PhotoState
from tests.pictures import draw, jpeg
from tests.workers.world import publish_release, receive
from training import backbones, recipe
from workers import explain_photo
from workers.claim import Outcome, work
from workers.explain_photo import CHECKPOINT, EXPLAIN_PHOTO
from workers.workplace import Workplace

pytestmark = [
    pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy keyword:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:Skipping nested container"),
]


def inspected(place: Workplace) -> PhotoId:
    photo_id = receive(place, draw("glass"))
    with place.transaction() as session:
        session.get_one(Photo, photo_id).state = PhotoState.INSPECTED
    return photo_id


def explain(place: Workplace, photo_id: PhotoId) -> Outcome:
    with place.transaction() as session:
        job_id = job_queue.enqueue(session, JobKind.EXPLAIN, photo_id).id
    assert job_id is not None
    return work(place, job_id, EXPLAIN_PHOTO)


def overlay(place: Workplace, photo_id: PhotoId) -> bytes | None:
    try:
        return photo_store.read_overlay(place.storage, photo_id)
    except FileNotFoundError:
        return None


@pytest.fixture
def checkpoint(place: Workplace, tmp_path: Path) -> None:
    """Release 1 comes with a network that can be looked into."""
    publish_release(place)
    file = tmp_path / CHECKPOINT
    backbones.save(backbones.build(recipe.load("tiny").with_changes(input_edge=32), 6, "random"), file)
    obstore.put(place.storage, release_key(1, CHECKPOINT), file.read_bytes())


@pytest.mark.usefixtures("checkpoint")
def test_where_the_model_looked_is_kept_until_the_photo_changes_or_goes(place: Workplace) -> None:
    photo_id = inspected(place)
    assert explain(place, photo_id) == Outcome.DONE
    kept = overlay(place, photo_id)
    assert kept is not None
    assert Image.open(io.BytesIO(kept)).size == (32, 32), "what the network was fed; training tests the heat"
    photo_store.put(place.storage, photo_id, jpeg("metal"))
    assert overlay(place, photo_id) is None, "something on it was made unrecognisable"
    photo_store.put_overlay(place.storage, photo_id, kept)
    photo_store.delete(place.storage, photo_id)
    assert overlay(place, photo_id) is None


@pytest.mark.usefixtures("checkpoint")
def test_a_photo_that_changed_meanwhile_gets_none(place: Workplace, monkeypatch: pytest.MonkeyPatch) -> None:
    photo_id = inspected(place)
    looked_into = explain_photo._overlay

    def change_meanwhile(*given: object) -> bytes | None:
        with place.transaction() as session:
            session.get_one(Photo, photo_id).sha256 = "f" * 64
        return looked_into(*given)  # type: ignore[arg-type]

    monkeypatch.setattr(explain_photo, "_overlay", change_meanwhile)
    assert explain(place, photo_id) == Outcome.DONE
    assert overlay(place, photo_id) is None


def test_without_keras_or_a_readable_checkpoint_nothing_happens(
    place: Workplace, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish_release(place)  # Its checkpoint is none.
    photo_id = inspected(place)
    assert explain(place, photo_id) == Outcome.DONE
    assert overlay(place, photo_id) is None
    monkeypatch.setattr(explain_photo, "has_keras", lambda: False)
    assert explain(place, photo_id) == Outcome.DONE
    assert overlay(place, photo_id) is None


def test_each_photo_is_asked_for_once(place: Workplace) -> None:
    photo_id = inspected(place)
    for _ in range(2):
        with place.transaction() as session:
            explanations.ask(session, [photo_id])
    with place.transaction() as session:
        assert len(session.exec(select(Job).where(Job.kind == JobKind.EXPLAIN)).all()) == 1
