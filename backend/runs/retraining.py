"""Retraining as one call: labelled photos of a folder become gold, are frozen with the rest, and a run is asked for.

Guarantees: the photos are imported as by `gold_import`, so doing it again adds nothing; the data set waits until they
have been inspected, and the run waits for the data set. What cannot be taken is told.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

from sqlmodel import Session

from backend.datasets import photo_folders, snapshots
from backend.errors import DomainError, TooLarge
from backend.intake.gold_import import Importer, ImportReport, Source
from backend.people import staff
from backend.people.staff import Person
from backend.runs import recipe_drafts, training_runs
from backend.settings import Settings
from backend.tables import TrainingMode, TrainingRun
from training.data import layouts
from training.dataset import DataError

MOST_PHOTOS = 2_000
"""More take minutes: `wastelens import` says how far it is."""
UNKNOWN_LICENCE = "not stated"


@dataclass(frozen=True)
class Wanted:
    """What a run is asked for with; without a snapshot a new one is frozen."""

    mode: TrainingMode
    weights: str
    snapshot_id: int | None = None


def mode_of(mode: TrainingMode | None, *, from_scratch: bool | None) -> TrainingMode:
    """Return the mode that two ways of saying it mean: by default the champion goes on learning.

    Raise `DomainError` where they contradict each other.
    """
    if mode is None:
        return TrainingMode.FROM_SCRATCH if from_scratch else TrainingMode.FINE_TUNE
    if from_scratch is not None and from_scratch == (mode == TrainingMode.FINE_TUNE):
        raise DomainError(f"from_scratch={from_scratch} contradicts mode={mode}.", code="contradiction")
    return mode


def import_folder(importer: Importer, folder: Path, source: Source) -> ImportReport:
    """Bring the labelled photos of a folder in as gold; raise `DomainError` where it is no labelled folder."""
    try:
        reading = layouts.read(folder)
        photo_folders.check_inside(folder, (each.path for each in reading.files))
        if len(reading.files) > MOST_PHOTOS:
            detail = f"{len(reading.files)} photos are too many at once; `wastelens import` takes any number."
            raise TooLarge(detail, code="too_many_files")
        return importer.import_reading(reading, source)
    except DataError as error:
        raise DomainError(str(error).replace(f"{folder}/", "").replace(str(folder), "."), code="bad_folder") from None


def request(
    transaction: Callable[[], AbstractContextManager[Session]], settings: Settings, person: Person, wanted: Wanted
) -> TrainingRun:
    """Ask for a run with this person's recipe, in one transaction."""
    with transaction() as session:
        recipe = recipe_drafts.current(session, settings, person).recipe
        snapshot_id = wanted.snapshot_id or staff.known(snapshots.request(session, person.name).id)
        return training_runs.request(
            session,
            settings,
            recipe=recipe,
            mode=wanted.mode,
            weights=wanted.weights,
            seed=0,
            snapshot_id=snapshot_id,
            trigger="hand",
            who=person.name,
        )
