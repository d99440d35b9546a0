"""What the current model says about each photo of a folder.

Guarantees: nothing is kept. Each photo is decoded in the sandbox and answered as on a phone; one that cannot be read
is answered with the reason and stops no other.
"""

import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from backend.datasets import photo_folders
from backend.errors import DomainError, PhotoRefused, TooLarge
from backend.intake.photo_sandbox import PhotoSandbox
from mobile_models.classifier import Classifier

MOST_PHOTOS = 500


@dataclass(frozen=True)
class FileAnswer:
    file: str
    """Path within the folder."""
    label: str | None
    """Label id or `unsure`; None for what cannot be read."""
    scores: dict[str, float] = field(default_factory=dict)
    milliseconds: float = 0.0
    expected: str | None = None
    """The label after which its folder is called."""
    error: str | None = None


@dataclass(frozen=True)
class FolderAnswer:
    release: int
    answers: tuple[FileAnswer, ...]
    counts: dict[str, int]
    """Label, `unsure` too, to photos; the most frequent first."""
    judged: int
    """Photos whose folder is called after a label."""
    right: int
    """So many of them are answered with it."""


def classify(classifier: Classifier, sandbox: PhotoSandbox, folder: Path) -> FolderAnswer:
    """Raise `DomainError` for a folder without a photo, `TooLarge` for one with more than `MOST_PHOTOS`."""
    found = list(photo_folders.photos(folder))
    if not found:
        raise DomainError("There is no photo in it.", code="no_photo")
    if len(found) > MOST_PHOTOS:
        raise TooLarge(f"{len(found)} photos are too many at once; at most {MOST_PHOTOS}.", code="too_many_files")
    return _summary(classifier, [_answer(classifier, sandbox, folder, each) for each in found])


def _summary(classifier: Classifier, answers: Sequence[FileAnswer]) -> FolderAnswer:
    judged = [each for each in answers if each.expected and not each.error]
    return FolderAnswer(
        release=classifier.manifest.version,
        answers=tuple(answers),
        counts=dict(Counter(each.label for each in answers if each.label).most_common()),
        judged=len(judged),
        right=sum(each.label == each.expected for each in judged),
    )


def _answer(classifier: Classifier, sandbox: PhotoSandbox, folder: Path, file: Path) -> FileAnswer:
    name, label = file.relative_to(folder).as_posix(), file.parent.name
    expected = label if file.parent != folder and label in classifier.manifest.label_set.ids else None
    started = time.perf_counter()
    try:
        prepared = sandbox.prepare(file.read_bytes(), classifier.manifest.input_spec)
    except (PhotoRefused, TooLarge) as refused:
        return FileAnswer(name, None, expected=expected, error=refused.code)
    except OSError:  # It was there a moment ago, or may not be read.
        return FileAnswer(name, None, expected=expected, error="unreadable")
    found = classifier.classify_prepared(prepared)
    return FileAnswer(name, found.label, found.scores, (time.perf_counter() - started) * 1000, expected)
