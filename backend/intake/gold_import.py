"""Bringing labelled folders in as gold.

Guarantees: imported photos go through the same decoding as those of residents and are stored without metadata. Doing
it again adds nothing: a photo's id follows from its bytes, its label and the name of its source. What cannot be taken
is listed and stops nothing: unreadable files, and equal files with different labels, of which none is taken.

This is an edge: it opens transactions of its own, one for each `BATCH` photos, so that an import that is cut off keeps
what it has done.
"""

import uuid
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

import obstore.exceptions
from obstore.store import ObjectStore
from sqlmodel import Session, col, select

from backend import job_queue, known_labels
from backend.errors import DomainError, PhotoRefused, TooLarge
from backend.intake import photo_store
from backend.intake.photo_sandbox import CleanPhoto, PhotoSandbox
from backend.people import staff
from backend.records import audit_log
from backend.reviewing import labelling
from backend.tables import JobKind, Photo, PhotoId, PhotoSource, Review, ReviewVerdict
from mobile_models.document import Sha256, file_sha256, sha256
from training.data import layouts
from training.data.layouts import Reading
from training.dataset import DataError, LabelledFile, LeftOut

BATCH = 50
_NAMESPACE = uuid.UUID("6f2a1f0e-5d0c-4c7e-9a58-6a3c2f0f6f11")

Progress = Callable[[int, int], None]
"""Told how many files of how many are done."""


@dataclass(frozen=True)
class Source:
    """Where a data set comes from, kept with each of its photos."""

    name: str
    licence: str


@dataclass(frozen=True)
class Problem:
    path: Path
    reason: str


@dataclass(frozen=True)
class ImportReport:
    added: dict[str, int]
    """Label to photos that were new."""
    known: int
    """Photos that were there already, or more than once in the folder."""
    problems: tuple[Problem, ...]


@dataclass(frozen=True)
class _Found:
    file: LabelledFile
    origin: Sha256
    photo_id: PhotoId


@dataclass(frozen=True)
class Importer:
    """Where imported photos go. `transaction` opens one that is committed at the end of its block."""

    transaction: Callable[[], AbstractContextManager[Session]]
    storage: ObjectStore
    sandbox: PhotoSandbox
    progress: Progress = lambda done, total: None

    def import_folder(self, directory: Path, source: Source, *, new_labels: bool = False) -> ImportReport:
        """Import what lies in `directory` in a known layout; `groups.csv` (file,object_group) names its objects.

        Raise as `import_reading` does, and `training.dataset.DataError` for a folder without photos.
        """
        return self.import_reading(layouts.read(directory), source, new_labels=new_labels)

    def import_reading(self, reading: Reading, source: Source, *, new_labels: bool = False) -> ImportReport:
        """Raise `DomainError` for classes that are no known labels, unless `new_labels` says that they are meant.

        Parts of photos are refused with `DataError`: residents send whole ones.
        """
        if any(file.box for file in reading.files):
            raise DataError("Parts of photos are only for training. Import whole photos, in the layout coco.")
        with self.transaction() as session:
            _check_labels(session, {file.label for file in reading.files}, new_labels=new_labels)
        found, contradicted, doubled = _identify(reading.files, source)
        with self.transaction() as session:
            fresh, relabelled, known = _leave_out_known(session, found)
        added, unreadable = self._take_all(fresh, source)
        with self.transaction() as session:
            subject = f"source/{source.name}"
            audit_log.record(session, staff.IMPORTER, "photos.imported", subject, added=added.total())
        skipped = [_problem(each) for each in reading.left_out]
        return ImportReport(dict(added), known + doubled, (*skipped, *contradicted, *relabelled, *unreadable))

    def _take_all(self, fresh: list[_Found], source: Source) -> tuple[Counter[str], list[Problem]]:
        added: Counter[str] = Counter()
        problems: list[Problem] = []
        with ThreadPoolExecutor(self.sandbox.processes) as pool:
            for start in range(0, len(fresh), BATCH):
                batch = fresh[start : start + BATCH]
                stored = list(pool.map(self._store, batch))
                problems += [result for result in stored if isinstance(result, Problem)]
                with self.transaction() as session:
                    importer = staff.importer(session)
                    for each, result in zip(batch, stored, strict=True):
                        if isinstance(result, CleanPhoto):
                            _add(session, importer, each, result, source)
                            added[each.file.label] += 1
                self.progress(start + len(batch), len(fresh))
        return added, problems

    def _store(self, each: _Found) -> CleanPhoto | Problem:
        """Stored before its row is committed; without a row it is an orphan, which the upkeep removes."""
        try:
            clean = self.sandbox.clean(each.file.path.read_bytes())
        except OSError as error:
            return Problem(each.file.path, _because(error))
        except (PhotoRefused, TooLarge) as error:
            return Problem(each.file.path, error.detail)
        try:
            photo_store.put(self.storage, each.photo_id, clean.content)
        except obstore.exceptions.BaseError as error:
            first_line = str(error).splitlines()[0]
            detail = f"{each.file.path} cannot be stored: {first_line}. What is imported so far stays; import again."
            raise DomainError(detail, code="storage_failed") from error
        return clean


def _check_labels(session: Session, labels: set[str], *, new_labels: bool) -> None:
    known = known_labels.label_set(session)
    try:
        unknown = [] if new_labels else sorted(labels - set(known.ids))
        known_labels.extended(known, labels)
    except ValueError as error:
        raise DomainError(f"The folders cannot be labels: {error}", code="bad_label") from None
    if unknown:
        detail = f"These folders are no known labels: {', '.join(unknown)}; known: {', '.join(known.ids)}."
        raise DomainError(f"{detail} If they are meant as new ones, say so.", code="unknown_label")


def _identify(files: Iterable[LabelledFile], source: Source) -> tuple[list[_Found], list[Problem], int]:
    """Return what may be taken, files that contradict each other or are not there, and the number of plain copies."""
    same: dict[Sha256, list[LabelledFile]] = defaultdict(list)
    problems: list[Problem] = []
    for file in files:
        try:
            same[file_sha256(file.path)].append(file)
        except OSError as error:
            problems.append(Problem(file.path, _because(error)))
    found: list[_Found] = []
    doubled = 0
    for origin, copies in same.items():
        labels = sorted({file.label for file in copies})
        if len(labels) > 1:
            problems += [Problem(file.path, f"equal files are labelled {' and '.join(labels)}") for file in copies]
            continue
        doubled += len(copies) - 1
        name = f"{source.name}:{labels[0]}:{origin}"
        found.append(_Found(copies[0], origin, PhotoId(str(uuid.uuid5(_NAMESPACE, name)))))
    return found, problems, doubled


def _problem(left_out: LeftOut) -> Problem:
    return Problem(left_out.path, left_out.sentence)


def _because(error: OSError) -> str:
    return f"cannot be read: {error.strerror or error}"


def _leave_out_known(session: Session, found: list[_Found]) -> tuple[list[_Found], list[Problem], int]:
    """Return what is new, what has another gold label here, and how many are here already."""
    statement = select(Photo.origin_sha256, Photo.gold_label).where(col(Photo.gold_label).is_not(None))
    gold: dict[str, set[str | None]] = defaultdict(set)
    for origin, label in session.exec(statement):
        gold[origin].add(label)
    imported = set(session.exec(select(Photo.id).where(Photo.source == PhotoSource.IMPORT)).all())
    fresh: list[_Found] = []
    problems: list[Problem] = []
    for each in found:
        others = sorted(str(label) for label in gold[each.origin] - {each.file.label})
        if others:
            problems.append(Problem(each.file.path, f"the same photo has the gold label {others[0]} here"))
        elif each.photo_id not in imported:
            fresh.append(each)
    return fresh, problems, len(found) - len(fresh) - len(problems)


def _add(session: Session, importer: int, each: _Found, clean: CleanPhoto, source: Source) -> None:
    photo = Photo(
        id=each.photo_id,
        source=PhotoSource.IMPORT,
        fingerprint=each.origin,
        sha256=sha256(clean.content),
        origin_sha256=each.origin,
        width=clean.width,
        height=clean.height,
        size_bytes=len(clean.content),
        licence=source.licence,
        origin=f"{source.name}: {each.file.label}/{each.file.path.name}",
        allow_review=True,
        allow_training=True,
        group_id=str(uuid.uuid5(_NAMESPACE, f"{source.name}:{each.file.group}")),
    )
    session.add(photo)
    session.flush()
    session.add(Review(photo_id=photo.id, staff_id=importer, verdict=ReviewVerdict.RELABEL, label=each.file.label))
    labelling.settle(session, photo)
    job_queue.enqueue(session, JobKind.INSPECT, photo.id)
