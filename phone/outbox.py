"""The outbox: what waits to be sent, kept on the disk.

Guarantees: once `add`, `correct`, `change_consent` or `withdraw` returns, it will be sent, whatever crashes in between;
it is removed only after the server has taken it, so a crash then sends it twice, which the server answers alike. Of
what is queued only the consent is ever changed, so that no photo goes out with one that was taken back. A later
correction or consent is sent after its photo, and of several that wait the newest alone. What the server refuses is
moved aside with the reason and is not sent again; so is what has lost its photo on this phone.

    <uuid>.submission.json     waits, with its photo in <uuid>.photo (written first)
    <uuid>.correction.json     the newest correction that waits
    <uuid>.consent.json        the newest consent that waits
    <uuid>.withdrawal          waits; nothing else of this UUID is left
    refused/<uuid>.*           what was refused, with refused/<uuid>.<kind>.problem.json
"""

import os
import time
import uuid
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from mobile_models import durable_file
from mobile_models.document import Document
from phone.server import Server, ServerRefused, ServerUnreachable
from phone.submission import Consent, Correction, Submission, SubmissionId

_NOT_SIGNED_IN, _GONE, _CONFLICT, _SERVER_ERROR = 401, 404, 409, 500
PHOTO_LOST = "photo_lost"


class Problem(Document):
    """Why the server refused, or why it was never asked."""

    status: int | None
    """Null where the reason lies on this phone."""
    code: str
    detail: str


@dataclass(frozen=True)
class Refusal:
    submission_id: SubmissionId
    kind: str
    """`submission`, `correction`, `consent` or `withdrawal`."""
    problem: Problem


@dataclass(frozen=True)
class Sent:
    """What was done."""

    delivered: int
    refused: tuple[Refusal, ...]
    failure: ServerUnreachable | None = None
    """Why something still waits."""


class Outbox:
    """For one process at a time."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        (directory / "refused").mkdir(parents=True, exist_ok=True)
        for withdrawn in directory.glob("*.withdrawal"):
            self._erase(SubmissionId(withdrawn.stem))  # A crash may have come before all of it was gone.
        for photo in directory.glob("*.photo"):
            if not photo.with_suffix(".submission.json").exists():
                photo.unlink()  # A crash came between the photo and its submission; nobody was told it was kept.

    def add(self, photo: bytes, submission: Submission) -> SubmissionId:
        submission_id = SubmissionId(str(uuid.uuid4()))
        durable_file.write(self._path(submission_id, "photo"), photo)
        self._queue(submission_id, "submission.json", submission.to_bytes())
        return submission_id

    def correct(self, submission_id: SubmissionId, correction: Correction) -> None:
        self._queue(submission_id, "correction.json", correction.to_bytes())

    def change_consent(self, submission_id: SubmissionId, consent: Consent) -> None:
        """Say it with what waits, and again after it: an earlier try may have arrived with the consent of before."""
        self._queue(submission_id, "consent.json", consent.to_bytes())
        with suppress(FileNotFoundError):  # It was sent.
            changed = self.submission(submission_id).model_copy(update=vars(consent))
            self._queue(submission_id, "submission.json", changed.to_bytes())

    def withdraw(self, submission_id: SubmissionId) -> None:
        """Forget the photo here at once, and at the server as soon as it is reached."""
        self._queue(submission_id, "withdrawal", b"")
        self._erase(submission_id)

    def waiting(self) -> list[SubmissionId]:
        """Return what has anything to send, in the order it was queued."""
        found = [path for path in self._directory.iterdir() if path.name.endswith((".json", ".withdrawal"))]
        found.sort(key=lambda path: (path.stat().st_mtime_ns, path.name))
        return list(dict.fromkeys(SubmissionId(path.name.partition(".")[0]) for path in found))

    def submission(self, submission_id: SubmissionId) -> Submission:
        """Return what waits to be sent about a photo; raise `FileNotFoundError` if nothing does."""
        return Submission.read(self._path(submission_id, "submission.json"))

    def refusals(self) -> list[Refusal]:
        return [
            Refusal(SubmissionId(path.name.split(".")[0]), path.name.split(".")[1], Problem.read(path))
            for path in sorted((self._directory / "refused").glob("*.problem.json"))
        ]

    def send(self, server: Server) -> Sent:
        """Try everything once; what has not been sent stays.

        Where the server fails at one photo (500), the others are tried; where it is away, this ends at once. Raise
        `ServerRefused` (401) if it does not know this phone.
        """
        delivered, failure = 0, None
        before = set(self.refusals())
        for submission_id in self.waiting():
            try:
                delivered += self._send(server, submission_id)
            except ServerUnreachable as error:
                failure = error
                if error.status != _SERVER_ERROR:
                    break
        return Sent(delivered, tuple(each for each in self.refusals() if each not in before), failure)

    def _send(self, server: Server, submission_id: SubmissionId) -> int:
        steps: tuple[tuple[str, Callable[[Server, SubmissionId, bytes], None]], ...] = (
            ("withdrawal", _send_withdrawal),
            ("submission.json", self._send_submission),
            ("correction.json", _send_correction),
            ("consent.json", _send_consent),
        )
        return sum(self._send_file(server, submission_id, kind, act) for kind, act in steps)

    def _send_file(
        self,
        server: Server,
        submission_id: SubmissionId,
        kind: str,
        act: Callable[[Server, SubmissionId, bytes], None],
    ) -> bool:
        path = self._path(submission_id, kind)
        if not path.exists():
            return False
        content = path.read_bytes()
        try:
            act(server, submission_id, content)
        except ServerRefused as error:
            if error.status == _NOT_SIGNED_IN:
                raise
            problem = Problem(status=error.status, code=error.code, detail=error.detail)
            self._move_aside(submission_id, kind, problem)
            return False
        except FileNotFoundError:
            problem = Problem(status=None, code=PHOTO_LOST, detail="The photo is no longer on this phone.")
            self._move_aside(submission_id, kind, problem)
            return False
        if path.exists() and path.read_bytes() == content:  # Else a newer one came while this was sent.
            self._forget(submission_id, kind)
        return True

    def _send_submission(self, server: Server, submission_id: SubmissionId, content: bytes) -> None:
        """Raise `FileNotFoundError` if the photo is gone."""
        photo = self._path(submission_id, "photo").read_bytes()
        try:
            server.submit(submission_id, photo, Submission.model_validate_json(content))
        except ServerRefused as error:
            if error.status != _CONFLICT or not self._path(submission_id, "consent.json").exists():
                raise
            # An earlier try arrived, and its answer did not; the new consent follows.

    def _queue(self, submission_id: SubmissionId, kind: str, content: bytes) -> None:
        """File systems give one time to all that is written within some milliseconds; the order needs finer ones."""
        path = self._path(submission_id, kind)
        durable_file.write(path, content)
        moment = time.time_ns()
        os.utime(path, ns=(moment, moment))

    def _erase(self, submission_id: SubmissionId) -> None:
        for kind in ("submission.json", "correction.json", "consent.json", "photo"):
            durable_file.remove(self._path(submission_id, kind))
            durable_file.remove(self._path(submission_id, kind, "refused"))

    def _forget(self, submission_id: SubmissionId, kind: str) -> None:
        durable_file.remove(self._path(submission_id, kind))
        if kind == "submission.json":
            durable_file.remove(self._path(submission_id, "photo"))

    def _move_aside(self, submission_id: SubmissionId, kind: str, problem: Problem) -> None:
        """The problem is written first, so that a crash never hides why it was refused."""
        name = kind.partition(".")[0]
        durable_file.write(self._path(submission_id, f"{name}.problem.json", "refused"), problem.to_bytes())
        for each in (kind, "photo") if name == "submission" else (kind,):
            path = self._path(submission_id, each)
            if path.exists():
                path.replace(self._path(submission_id, each, "refused"))
        durable_file.sync(self._directory)

    def _path(self, submission_id: SubmissionId, kind: str, folder: str = "") -> Path:
        return self._directory / folder / f"{submission_id}.{kind}"


def _send_correction(server: Server, submission_id: SubmissionId, content: bytes) -> None:
    server.correct(submission_id, Correction.model_validate_json(content))


def _send_consent(server: Server, submission_id: SubmissionId, content: bytes) -> None:
    server.change_consent(submission_id, Consent.model_validate_json(content))


def _send_withdrawal(server: Server, submission_id: SubmissionId, _: bytes) -> None:
    try:
        server.withdraw(submission_id)
    except ServerRefused as error:
        if error.status != _GONE:  # It never got there, which is as good.
            raise
