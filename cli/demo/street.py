"""The residents of the demonstration: several phones in one process, each with a folder of its own.

Guarantees: a phone does all it does through the reference client; what residents know (the truth) reaches the city only
as corrections, of which a stated share is wrong on purpose.
"""

import random
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from mobile_models.label_set import UNSURE
from phone.client import Phone, UpdateState
from phone.submission import Submission
from training.dataset import LabelledFile

WRONG_CORRECTION_FRACTION = 0.05
AT_ONCE = 4


@dataclass
class Measured:
    """What phones answered to photos nobody trained on. Counts are of photos, by gold label."""

    release: int
    photos: Counter[str] = field(default_factory=Counter)
    right: Counter[str] = field(default_factory=Counter)
    unsure: int = 0
    milliseconds: list[float] = field(default_factory=list)

    @property
    def accuracy(self) -> float:
        return self.right.total() / self.photos.total()

    def recall(self, label: str) -> float:
        return self.right[label] / self.photos[label] if self.photos[label] else 0.0


@dataclass
class Sent:
    """What residents sent. `truth` is known to them alone: submission id to gold label."""

    truth: dict[str, str] = field(default_factory=dict)
    photo_bytes: int = 0
    corrected: int = 0
    corrected_wrongly: int = 0

    def __iadd__(self, other: "Sent") -> "Sent":
        self.truth |= other.truth
        self.photo_bytes += other.photo_bytes
        self.corrected += other.corrected
        self.corrected_wrongly += other.corrected_wrongly
        return self


class Street:
    def __init__(self, phones: int, directory: Path, server_url: str, trusted_root: bytes, bundled: Path) -> None:
        folders = [directory / f"phone-{number:02d}" for number in range(phones)]
        self.phones = [Phone(folder, server_url, trusted_root, bundled) for folder in folders]
        self._folders = folders

    def close(self) -> None:
        for phone in self.phones:
            phone.close()

    def send(self, dealt: Sequence[Sequence[LabelledFile]], each: Callable[[], None]) -> Sent:
        """Every resident photographs, reads the answer, corrects it, and sends; `each` is called after each photo."""
        sent = Sent()
        with ThreadPoolExecutor(AT_ONCE) as pool:
            jobs = [
                pool.submit(_live, phone, files, random.Random(number), each)  # noqa: S311  # Not a secret.
                for number, (phone, files) in enumerate(zip(self.phones, dealt, strict=True))
            ]
            for job in jobs:
                sent += job.result()
        return sent

    def update(self, each: Callable[[], None]) -> int:
        """Update every phone and return how many took the new release."""

        def update(phone: Phone) -> bool:
            state = phone.update()
            each()
            return state is UpdateState.UPDATED

        with ThreadPoolExecutor(AT_ONCE) as pool:
            return sum(pool.map(update, self.phones))

    def measure(self, files: Sequence[LabelledFile], each: Callable[[], None]) -> Measured:
        """Let the phones, each with a part of `files`, answer; all must run the same release."""
        releases = {phone.release for phone in self.phones}
        if len(releases) != 1:
            raise ValueError(f"phones run different releases: {sorted(releases)}")
        measured = Measured(releases.pop())
        for number, file in enumerate(files):
            answer = self.phones[number % len(self.phones)].classify(file.path.read_bytes())
            scores = answer.prediction.scores
            measured.photos[file.label] += 1
            measured.right[file.label] += max(scores, key=scores.__getitem__) == file.label
            measured.unsure += answer.label == UNSURE
            measured.milliseconds.append(answer.milliseconds)
            each()
        return measured

    def bytes_downloaded(self) -> int:
        """Size of all that the phones downloaded and kept: signed metadata and models."""
        places = [folder / part for folder in self._folders for part in ("updates", "models")]
        return sum(file.stat().st_size for place in places for file in place.rglob("*") if file.is_file())


def _live(phone: Phone, files: Sequence[LabelledFile], chance: random.Random, each: Callable[[], None]) -> Sent:
    sent = Sent()
    for file in files:
        content = file.path.read_bytes()
        answer = phone.classify(content)
        correction = None
        if answer.label != file.label:
            correction = _correction(file.label, phone.labels, chance)
            sent.corrected += 1
            sent.corrected_wrongly += correction != file.label
        chosen = Submission(correction=correction, allow_review=True, allow_training=True)
        sent.truth[phone.keep(content, answer, chosen)] = file.label
        sent.photo_bytes += len(content)
        refused = phone.send().refused
        if refused:
            raise RuntimeError(f"the server refused {file.path}: {refused[0].problem.detail}")
        each()
    return sent


def _correction(truth: str, labels: Sequence[str], chance: random.Random) -> str:
    if chance.random() < WRONG_CORRECTION_FRACTION:
        return chance.choice([label for label in labels if label != truth])
    return truth
