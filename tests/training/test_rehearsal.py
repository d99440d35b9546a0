from collections import Counter
from pathlib import Path

import pytest

from mobile_models.document import Sha256, sha256
from mobile_models.evaluation import Answer, EvaluationReport
from mobile_models.label_set import TRASHNET
from training.data import rehearsal
from training.data.rehearsal import LearnFrom
from training.dataset import DataError, DatasetSnapshot, SeenPhotos, SnapshotPhoto, Split
from training.run_directory import Forgetting

SPLITS = (Split.TRAIN,) * 6 + (Split.VALIDATION, Split.VALIDATION, Split.HOLDOUT, Split.HOLDOUT)


def snapshot(photos_per_label: int = 20) -> DatasetSnapshot:
    """Of each ten photos of a label, six are to train on, two for validation, two in the holdout."""
    return DatasetSnapshot(
        label_set=TRASHNET,
        photos=tuple(
            SnapshotPhoto(
                sha256=sha256(f"stored {label} {number}".encode()),
                origin_sha256=sha256(f"{label} {number}".encode()),
                label=label,
                split=SPLITS[number % 10],
                group=f"{label} {number}",
            )
            for label in TRASHNET.ids
            for number in range(photos_per_label)
        ),
    )


def first(whole: DatasetSnapshot, numbers: int) -> SeenPhotos:
    """What a champion has seen that was made when there were so many photos of each label."""
    known = {sha256(f"{label} {number}".encode()) for label in TRASHNET.ids for number in range(numbers)}
    return SeenPhotos.of(
        DatasetSnapshot(label_set=TRASHNET, photos=tuple(each for each in whole.photos if each.origin_sha256 in known))
    )


def origins(photos: tuple[SnapshotPhoto, ...]) -> set[Sha256 | None]:
    return {photo.origin_sha256 for photo in photos}


def test_all_photos_are_learned_from_unless_asked_otherwise() -> None:
    whole = snapshot()
    lesson = rehearsal.choose(whole, first(whole, 10), LearnFrom.ALL, 12, seed=0)
    assert (lesson.train, lesson.validation) == (whole.of(Split.TRAIN), whole.of(Split.VALIDATION))


@pytest.mark.parametrize("learn_from", LearnFrom)
def test_without_a_champion_all_photos_are_new(learn_from: LearnFrom) -> None:
    whole = snapshot()
    assert rehearsal.choose(whole, None, learn_from, 12, seed=0).train == whole.of(Split.TRAIN)


def test_new_is_what_the_champion_did_not_learn_from() -> None:
    whole = snapshot()
    lesson = rehearsal.choose(whole, first(whole, 10), LearnFrom.NEW, 12, seed=0)
    assert len(lesson.train) == 36
    assert not origins(lesson.train) & {*first(whole, 10).train}


def test_a_rehearsal_adds_as_many_old_photos_of_each_class() -> None:
    whole = snapshot()
    lesson = rehearsal.choose(whole, first(whole, 10), LearnFrom.REHEARSAL, 12, seed=0)
    old = tuple(photo for photo in lesson.train if photo.origin_sha256 in first(whole, 10).train)
    assert len(lesson.train) == 36 + 12
    assert lesson.rehearsed == 12
    assert Counter(photo.label for photo in old) == dict.fromkeys(TRASHNET.ids, 2)
    assert all(photo.split is Split.TRAIN for photo in lesson.train)


@pytest.mark.parametrize("old_per_label", [20, 40, 100])
def test_the_lesson_stays_as_long_however_many_old_photos_there_are(old_per_label: int) -> None:
    whole = snapshot(old_per_label + 10)
    lesson = rehearsal.choose(whole, first(whole, old_per_label), LearnFrom.REHEARSAL, 12, seed=0)
    assert (len(lesson.train), len(lesson.validation)) == (36 + 12, 12 + 12)


def test_rare_classes_give_all_they_have_and_others_fill_up() -> None:
    rare = tuple(photo for photo in snapshot().of(Split.TRAIN) if photo.label != "trash")
    rare += tuple(photo for photo in snapshot().of(Split.TRAIN) if photo.label == "trash")[:1]
    counts = Counter(photo.label for photo in rehearsal.evenly(rare, 26, seed=0))
    assert counts == {"trash": 1} | {label: 5 for label in TRASHNET.ids if label != "trash"}
    assert len(rehearsal.evenly(rare, 10_000, seed=0)) == len(rare)


def test_what_is_rehearsed_follows_from_the_seed_and_mostly_stays_when_photos_are_added() -> None:
    fewer, more = snapshot(50).of(Split.TRAIN), snapshot(60).of(Split.TRAIN)
    chosen = rehearsal.evenly(fewer, 60, seed=1)
    assert rehearsal.evenly(fewer, 60, seed=1) == chosen
    assert rehearsal.evenly(fewer, 60, seed=2) != chosen
    assert len(origins(chosen) & origins(rehearsal.evenly(more, 60, seed=1))) > 40


def test_nothing_new_is_refused() -> None:
    whole = snapshot()
    with pytest.raises(DataError, match="nothing new to learn"):
        rehearsal.choose(whole, first(whole, 20), LearnFrom.REHEARSAL, 12, seed=0)


@pytest.mark.parametrize(("learn_from", "old_photos"), [(LearnFrom.NEW, 12), (LearnFrom.REHEARSAL, 0)])
def test_a_class_without_a_photo_to_learn_from_is_refused(learn_from: LearnFrom, old_photos: int) -> None:
    whole = snapshot()
    metal = tuple(photo.origin_sha256 for photo in whole.photos if photo.label == "metal" and photo.origin_sha256)
    seen = first(whole, 10).model_copy(update={"train": (*first(whole, 10).train, *metal)})
    with pytest.raises(DataError, match="no photo of metal: raise rehearsal_photos"):
        rehearsal.choose(whole, seen, learn_from, old_photos, seed=0)


def test_a_champion_that_does_not_say_what_it_learned_from_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="does not say which photos it learned from"):
        rehearsal.seen_by(tmp_path)


def report(whole: DatasetSnapshot, wrong: set[Sha256]) -> EvaluationReport:
    answers = tuple(
        Answer(
            photo=photo.sha256,
            label=photo.label,
            predicted=photo.label if photo.sha256 not in wrong else next(x for x in TRASHNET.ids if x != photo.label),
            confidence=0.5,
        )
        for photo in whole.of(Split.HOLDOUT)
    )
    return EvaluationReport.model_construct(answers=answers)


def test_forgetting_is_measured_on_the_holdout_photos_of_before() -> None:
    whole = snapshot()
    seen = first(whole, 10)
    holdout = whole.of(Split.HOLDOUT)
    old = [photo.sha256 for photo in holdout if photo.origin_sha256 in seen.holdout]
    new = {photo.sha256 for photo in holdout} - {*old}
    found = rehearsal.forgetting(report(whole, {old[0]} | new), report(whole, {*old[:3]}), seen, whole)
    assert found == Forgetting(photos=12, before=11 / 12, after=9 / 12)
    assert "12 holdout photos of before: 0.9167 by the champion, 0.7500 now" in found.describe()


def test_where_no_old_holdout_photo_is_left_forgetting_is_unknown() -> None:
    whole = snapshot()
    nothing = SeenPhotos(train=(), validation=(), holdout=())
    assert rehearsal.forgetting(report(whole, set()), report(whole, set()), nothing, whole) is None
