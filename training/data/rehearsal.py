"""Which photos a retraining learns from, and what it forgot of those before.

Guarantees: a photo is new if the champion did not learn from it, whatever copy of it is stored. What is chosen of the
old ones follows from the seed and the photos alone, is as even over the classes as they allow, and mostly stays when
photos are added. No Keras here.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import chain, zip_longest
from pathlib import Path

from mobile_models.document import Sha256, sha256
from mobile_models.evaluation import EvaluationReport
from training.dataset import DataError, DatasetSnapshot, SeenPhotos, SnapshotPhoto, Split
from training.run_directory import Forgetting

SEEN_FILE = "dataset.json"


class LearnFrom(StrEnum):
    """What a run trains on, of the train split."""

    ALL = "all"
    NEW = "new"  # what the champion did not learn from; all if there is none
    REHEARSAL = "rehearsal"  # the new ones, and a bounded number of old ones


@dataclass(frozen=True)
class Lesson:
    """What is fitted, and what tells the best epoch; both are parts of the splits of those names."""

    train: tuple[SnapshotPhoto, ...]
    validation: tuple[SnapshotPhoto, ...]
    rehearsed: int = 0
    """How many of `train` are old."""


def seen_by(champion: Path) -> SeenPhotos:
    """Read what the release in the folder `champion` learned from; raise `DataError` if it does not say."""
    try:
        return SeenPhotos.read(champion / SEEN_FILE)
    except (OSError, ValueError) as error:
        raise DataError(
            f"The champion does not say which photos it learned from ({error}), so none can be told new. "
            "Learn from all."
        ) from error


def choose(
    snapshot: DatasetSnapshot, seen: SeenPhotos | None, learn_from: LearnFrom, old_photos: int, seed: int
) -> Lesson:
    """Choose of `snapshot` by what the champion has `seen`; None: there is no champion.

    Of the old photos, and of the old ones that tell the best epoch, at most `old_photos` are taken, so that an epoch
    costs the same however many there are. Raise `DataError` if nothing is new, or a class is missing in what is left.
    """
    train, validation = snapshot.of(Split.TRAIN), snapshot.of(Split.VALIDATION)
    if learn_from is LearnFrom.ALL or seen is None:
        return Lesson(train, validation)
    new, old = _parted(train, {*seen.train})
    if not new:
        raise DataError("The champion has learned from all these photos already: there is nothing new to learn.")
    if learn_from is LearnFrom.NEW:
        return _checked(Lesson(new, validation), snapshot)
    rehearsed = evenly(old, old_photos, seed)
    new_validation, old_validation = _parted(validation, {*seen.train, *seen.validation})
    judged = _sorted(chain(new_validation, evenly(old_validation, old_photos, seed)))
    return _checked(Lesson(_sorted(chain(new, rehearsed)), judged or validation, len(rehearsed)), snapshot)


def evenly(photos: Sequence[SnapshotPhoto], count: int, seed: int) -> tuple[SnapshotPhoto, ...]:
    """Choose at most `count` photos, of each label as many as of any other as far as there are."""
    ranked = sorted(photos, key=lambda photo: sha256(f"{seed} {photo.sha256}".encode()))
    classes = [[photo for photo in ranked if photo.label == label] for label in sorted({each.label for each in photos})]
    in_turn = [photo for round_of in zip_longest(*classes) for photo in round_of if photo is not None]
    return _sorted(in_turn[:count])


def forgetting(
    champion: EvaluationReport, challenger: EvaluationReport, seen: SeenPhotos, snapshot: DatasetSnapshot
) -> Forgetting | None:
    """Compare both on the holdout photos that the champion was already measured on; None if none is left."""
    old = {photo.sha256 for photo in snapshot.of(Split.HOLDOUT) if _origin(photo) in {*seen.holdout}}
    before, after = (
        {each.photo: each.predicted == each.label for each in report.answers} for report in (champion, challenger)
    )
    both = sorted(old & before.keys() & after.keys())
    if not both:
        return None
    return Forgetting(
        photos=len(both), before=_share(before[each] for each in both), after=_share(after[each] for each in both)
    )


def _parted(
    photos: Sequence[SnapshotPhoto], learned: set[Sha256]
) -> tuple[tuple[SnapshotPhoto, ...], tuple[SnapshotPhoto, ...]]:
    """Return those that are new, and the others."""
    new = tuple(photo for photo in photos if _origin(photo) not in learned)
    return new, tuple(photo for photo in photos if _origin(photo) in learned)


def _checked(lesson: Lesson, snapshot: DatasetSnapshot) -> Lesson:
    labels = {photo.label for photo in lesson.train}
    if missing := [label for label in snapshot.label_set.ids if label not in labels]:
        raise DataError(
            f"What is to be learned from has no photo of {', '.join(missing)}: raise rehearsal_photos of the recipe, "
            "or learn from all photos."
        )
    return lesson


def _origin(photo: SnapshotPhoto) -> Sha256:
    return photo.origin_sha256 or photo.sha256


def _sorted(photos: Iterable[SnapshotPhoto]) -> tuple[SnapshotPhoto, ...]:
    return tuple(sorted(photos, key=lambda photo: photo.sha256))


def _share(right: Iterable[bool]) -> float:
    answers = [*right]
    return sum(answers) / len(answers)
