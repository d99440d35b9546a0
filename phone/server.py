"""The server as a phone sees it.

Guarantees: every answer is one of three: it worked, `ServerRefused` (asking again the same way will not help) or
`ServerUnreachable` (it may help later). Every call may be repeated: none has a second effect.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

import httpx
from pydantic import BaseModel, ConfigDict, ValidationError

from mobile_models.document import Document
from mobile_models.field_report import FieldReport
from phone.submission import Consent, Correction, Submission, SubmissionId

NOT_SIGNED_IN = "not_signed_in"
"""Code of the refusal of a phone that the server does not know."""
_LATER = frozenset({408, 425, 429})
_TIMEOUT = httpx.Timeout(30.0, connect=10.0)

_Answer = TypeVar("_Answer", bound=BaseModel)


class ServerUnreachable(Exception):
    """No answer, or one that asks to come back later. `status` is None where there was no answer."""

    def __init__(self, detail: str, status: int | None = None, retry_after_seconds: float | None = None) -> None:
        super().__init__(detail)
        self.status = status
        self.retry_after_seconds = retry_after_seconds


class ServerRefused(Exception):
    """The server has understood and does not want it (RFC 9457 problem document)."""

    def __init__(self, status: int, code: str, detail: str) -> None:
        super().__init__(f"{status} {code}: {detail}")
        self.status = status
        self.code = code
        self.detail = detail


class Registration(Document):
    device_id: str
    token: str


class SubmissionStatus(BaseModel):
    """What became of a submission. Members that a newer server adds are ignored."""

    model_config = ConfigDict(frozen=True)

    id: str
    state: str
    received_at: datetime
    correction: str | None
    gold_label: str | None
    accepted: bool | None = None
    """Whether reviewers say the same as this phone; None until they have decided."""
    quarantine_reason: str | None
    in_releases: tuple[int, ...] = ()


class Counted(BaseModel):
    """What the server took of a field report."""

    model_config = ConfigDict(frozen=True)

    counted: int


@dataclass(frozen=True)
class Server:
    """`http` has the server's address as its base URL; make it with `connect`."""

    http: httpx.Client
    token: str | None = None

    def register(self) -> Registration:
        return _parse(Registration, self._ask("POST", "/v1/devices"))

    def submit(self, submission_id: SubmissionId, photo: bytes, submission: Submission) -> SubmissionStatus:
        parts = {
            "photo": ("photo", photo, "application/octet-stream"),
            "submission": (None, submission.to_bytes(), "application/json"),
        }
        return _parse(SubmissionStatus, self._ask("PUT", f"/v1/submissions/{submission_id}", files=parts))

    def correct(self, submission_id: SubmissionId, correction: Correction) -> SubmissionStatus:
        path = f"/v1/submissions/{submission_id}/correction"
        return _parse(SubmissionStatus, self._ask("PUT", path, json=correction.model_dump(mode="json")))

    def change_consent(self, submission_id: SubmissionId, consent: Consent) -> SubmissionStatus:
        path = f"/v1/submissions/{submission_id}/consent"
        return _parse(SubmissionStatus, self._ask("PUT", path, json=consent.model_dump(mode="json")))

    def status(self, submission_id: SubmissionId) -> SubmissionStatus:
        return _parse(SubmissionStatus, self._ask("GET", f"/v1/submissions/{submission_id}"))

    def withdraw(self, submission_id: SubmissionId) -> None:
        _parse(SubmissionStatus, self._ask("DELETE", f"/v1/submissions/{submission_id}"))

    def report(self, report: FieldReport) -> None:
        """Send the counts of a day; the same report counts once."""
        _parse(Counted, self._ask("POST", "/v1/field-reports", json=report.model_dump(mode="json")))

    def _ask(self, method: str, path: str, **content: Any) -> httpx.Response:
        headers = {"Authorization": f"Bearer {self.token}"} if self.token else {}
        try:
            answer = self.http.request(method, path, headers=headers, **content)
        except httpx.HTTPError as error:
            raise ServerUnreachable(f"{method} {path}: {error}") from error
        if answer.is_success:
            return answer
        if answer.status_code in _LATER or not answer.is_client_error:
            detail = f"{method} {path} answered {answer.status_code}"
            raise ServerUnreachable(detail, answer.status_code, _retry_after(answer))
        raise _refusal(answer)


def connect(url: str) -> httpx.Client:
    return httpx.Client(base_url=url, timeout=_TIMEOUT)


def _parse(kind: type[_Answer], answer: httpx.Response) -> _Answer:
    try:
        return kind.model_validate_json(answer.content)
    except ValidationError as error:  # A captive portal answers 200 to everything.
        raise ServerUnreachable(f"{answer.url} does not answer like Wastelens") from error


def _refusal(answer: httpx.Response) -> ServerRefused | ServerUnreachable:
    """A refusal without a problem document comes from something between here and the server."""
    try:
        problem = answer.json()
        return ServerRefused(answer.status_code, str(problem["code"]), str(problem["detail"]))
    except (ValueError, KeyError, TypeError):
        return ServerUnreachable(f"{answer.url} answered {answer.status_code}, not like Wastelens", answer.status_code)


def _retry_after(answer: httpx.Response) -> float | None:
    value = answer.headers.get("Retry-After", "")
    return float(value) if value.isdecimal() else None
