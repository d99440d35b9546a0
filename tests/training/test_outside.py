"""Measured with a model that answers by mean colour: what is drawn as glass is answered glass, wherever it lies."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from mobile_models.label_set import TRASHNET
from mobile_models.novelty import Novelty, Rows
from tests.pictures import draw, jpeg
from tests.tiny_model import EMBEDDING_LENGTH, release_folder
from training.data.photo_source import PhotoSource
from training.dataset import DataError
from training.evaluation import outside
from training.evaluation import subject as subjects
from training.evaluation.model_outputs import ModelOutputs
from training.evaluation.subject import Subject


@pytest.fixture
def elsewhere(tmp_path: Path) -> PhotoSource:
    """Three cans of which one looks like glass, a bottle, two peels, and a hat that the map does not name."""
    drawn = {"can": ("metal", "metal", "glass"), "bottle": ("glass",), "peel": ("trash", "paper"), "hat": ("plastic",)}
    for name, things in drawn.items():
        (tmp_path / "web" / name).mkdir(parents=True)
        for number, thing in enumerate(things):
            (tmp_path / "web" / name / f"{number}.jpg").write_bytes(jpeg(thing, number + 50, size=(48, 32)))
    (tmp_path / "map.csv").write_text("name,label\ncan,metal\nbottle,glass\npeel,\n")
    return PhotoSource(tmp_path / "web", label_map=str(tmp_path / "map.csv"))


@pytest.fixture
def subject(tmp_path: Path) -> Subject:
    return subjects.of_release(release_folder(tmp_path / "1"))


def only_glass_is_known(subject: Subject) -> Subject:
    """The same model, for which all that does not look like glass is too far away."""
    _, embedding = subject.run(subject.input_spec.prepare(draw("glass", 60)))
    assert embedding is not None
    mean = embedding.astype(np.float64) / np.linalg.norm(embedding)
    score = Novelty(
        means=Rows.of(np.stack([mean] * 6)),
        directions=Rows.of(np.eye(1, EMBEDDING_LENGTH)),
        weights=(1.0,),
        other_weight=1.0,
        threshold=1e-3,
    )
    return replace(subject, novelty=score)


def test_photos_from_elsewhere_are_counted_by_label_and_what_is_not_there_is_named(
    subject: Subject, elsewhere: PhotoSource
) -> None:
    report = outside.measure(subject, outside.read(elsewhere, TRASHNET))
    assert (report.name, report.photos, report.accuracy) == ("web", 4, 0.75)
    assert {label: (count.right, count.photos) for label, count in report.recall.items()} == {
        "glass": (1, 1),
        "metal": (2, 3),
    }
    assert report.unmeasured == ("cardboard", "paper", "plastic", "trash")
    assert report.not_waste_photos == 2
    assert report.novelty_auroc is None


def test_what_is_far_from_all_that_was_learnt_is_counted_unsure(subject: Subject, elsewhere: PhotoSource) -> None:
    knows_glass = only_glass_is_known(subject)
    glass = knows_glass.outputs(np.stack([subject.input_spec.prepare(draw("glass", 60))[0]]))
    inside = ModelOutputs(("0" * 64,), np.array([1]), glass[0], embedding=glass[1])
    report = outside.measure(knows_glass, outside.read(elsewhere, TRASHNET), inside)
    assert report.not_waste_unsure == 1
    assert report.novelty_auroc == 1
    plain = outside.measure(subject, outside.read(elsewhere, TRASHNET))
    assert plain.not_waste_unsure is not None
    assert plain.not_waste_unsure < 1


def test_equal_photos_count_once_and_unreadable_ones_are_left_out(
    subject: Subject, elsewhere: PhotoSource, caplog: pytest.LogCaptureFixture
) -> None:
    can = elsewhere.directory / "can" / "0.jpg"
    (can.parent / "copy.jpg").write_bytes(can.read_bytes())
    (can.parent / "broken.jpg").write_bytes(b"no photo")
    before = outside.measure(subject, outside.read(elsewhere, TRASHNET))
    assert before.photos == 4
    assert "broken.jpg" in caplog.text


def test_without_a_photo_of_a_known_label_it_says_what_to_give(elsewhere: PhotoSource, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"its labels are bottle, can, hat, peel. Give a label map"):
        outside.read(PhotoSource(elsewhere.directory), TRASHNET)
    with pytest.raises(DataError, match="no folder"):
        outside.read(PhotoSource(tmp_path / "nowhere"), TRASHNET)


def test_photos_that_are_all_unreadable_are_an_error(subject: Subject, tmp_path: Path) -> None:
    (tmp_path / "broken" / "glass").mkdir(parents=True)
    (tmp_path / "broken" / "glass" / "1.jpg").write_bytes(b"no photo")
    with pytest.raises(DataError, match="None of the photos in broken can be read"):
        outside.measure(subject, outside.read(PhotoSource(tmp_path / "broken"), TRASHNET))
