"""`/v1/submissions`: residents send photos, correct them, see what became of them, and withdraw them."""

from datetime import UTC, datetime
from functools import partial
from typing import Annotated, BinaryIO
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response
from pydantic import AwareDatetime, BaseModel, Json, TypeAdapter, ValidationError

from backend.api import etags, problems, uploads
from backend.api.dependencies import KnownDevice, Parts, PartsOfServer, Transaction, transaction_of
from backend.intake import consent, own_photos, photos, thumbnails
from backend.intake.own_photos import Status
from backend.intake.photos import Incoming
from backend.intake.submission import Submission
from backend.tables import CorrectionReason, DeviceId, PhotoId, PhotoState
from mobile_models.document import sha256
from mobile_models.label_set import LabelId

router = APIRouter(prefix="/v1/submissions", tags=["phones"])
_EARLIEST, _LATEST = datetime(2000, 1, 1, tzinfo=UTC), datetime(3000, 1, 1, tzinfo=UTC)
_SUBMISSION: TypeAdapter[Submission] = TypeAdapter(Json[Submission])


class SubmissionAnswer(BaseModel):
    id: str
    state: PhotoState
    received_at: datetime
    allow_review: bool
    allow_training: bool
    correction: str | None
    correction_reason: CorrectionReason | None
    gold_label: str | None
    """What reviewers decided; null until they have."""
    accepted: bool | None
    """Whether reviewers say the same as this phone: the newest correction, else the prediction that nobody corrected.
    Null until they have decided, and where the phone said nothing."""
    quarantine_reason: str | None
    in_releases: tuple[int, ...]
    """Published models that were made with this photo."""


class CorrectionBody(BaseModel):
    label: LabelId
    reason: CorrectionReason | None = None


class ConsentBody(BaseModel):
    allow_review: bool
    allow_training: bool


class SubmissionList(BaseModel):
    submissions: list[SubmissionAnswer]


def answer(status: Status) -> SubmissionAnswer:
    content = {name: value for name, value in vars(status).items() if name != "photo_id"}
    return SubmissionAnswer(id=status.photo_id, **content)


@router.put(
    "/{photo_id}",
    response_model=SubmissionAnswer,
    status_code=201,
    responses={200: {"model": SubmissionAnswer, "description": "it was there already"}},
    openapi_extra=uploads.body(submission={"type": "string", "description": "JSON", **Submission.model_json_schema()}),
)
async def submit(
    photo_id: UUID, request: Request, response: Response, device: KnownDevice, parts: PartsOfServer
) -> SubmissionAnswer | Response:
    """Send a photo with the phone's prediction under a UUID that the phone made.

    The same again is answered the same (200); something else under the same UUID is a conflict (409).
    """
    async with uploads.received(request) as upload:
        try:
            submission = _SUBMISSION.validate_python(upload.texts.get("submission", ""))
        except ValidationError as error:
            return problems.invalid_fields("submission", error)
        act = partial(_accept, parts, device, PhotoId(str(photo_id)), upload.photo, submission)
        status, is_new = await uploads.work(parts, act)
    response.status_code = 201 if is_new else 200
    return answer(status)


def _accept(
    parts: Parts, device: DeviceId, photo_id: PhotoId, photo: BinaryIO, submission: Submission
) -> tuple[Status, bool]:
    """Two short transactions with the decoding between them, so that no photo holds up the database."""
    content = photo.read()
    incoming = Incoming(device, photo_id, sha256(content), submission)
    with transaction_of(parts) as session:
        if photos.find_same(session, incoming) is not None:
            return own_photos.status(session, device, photo_id), False
        photos.check(session, incoming, parts.settings.submissions_per_device_per_day)
    clean = parts.sandbox.clean(content)
    with transaction_of(parts) as session:
        _, is_new = photos.accept(session, parts.storage, incoming, clean)
        return own_photos.status(session, device, photo_id), is_new


@router.put("/{photo_id}/correction")
def correct(
    photo_id: UUID, body: CorrectionBody, device: KnownDevice, parts: PartsOfServer, session: Transaction
) -> SubmissionAnswer:
    """Say what it really is, also long after it was sent."""
    own = PhotoId(str(photo_id))
    photos.correct(session, parts.settings.review_weights, device, own, body.label, body.reason)
    return answer(own_photos.status(session, device, own))


@router.put("/{photo_id}/consent")
def change_consent(
    photo_id: UUID, body: ConsentBody, device: KnownDevice, parts: PartsOfServer, session: Transaction
) -> SubmissionAnswer:
    """Let staff look at it and models learn from it, or no longer; `in_releases` names those that have learned from it.

    Learning needs a look: no model learns from a photo that no reviewer has labelled.
    """
    own, allowed = PhotoId(str(photo_id)), body.model_dump()
    consent.change(session, parts.settings.review_weights, device, own, **allowed)
    return answer(own_photos.status(session, device, own))


@router.get("")
def list_own(
    device: KnownDevice,
    session: Transaction,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
    before: Annotated[
        AwareDatetime | None, Query(description="`received_at` of the last one seen", ge=_EARLIEST, le=_LATEST)
    ] = None,
) -> SubmissionList:
    """This device's submissions, newest first."""
    return SubmissionList(submissions=[answer(status) for status in own_photos.newest(session, device, limit, before)])


@router.get("/{photo_id}")
def look(photo_id: UUID, device: KnownDevice, session: Transaction) -> SubmissionAnswer:
    """What became of a submission."""
    return answer(own_photos.status(session, device, PhotoId(str(photo_id))))


@router.get(
    "/{photo_id}/photo",
    response_class=Response,
    responses={200: {"content": {"image/jpeg": {}}}, 410: {"description": "it was withdrawn"}},
)
def send_back(photo_id: UUID, request: Request, device: KnownDevice, parts: PartsOfServer) -> Response:
    """The photo as it is stored: without metadata, and with what staff have covered."""
    own = PhotoId(str(photo_id))
    with transaction_of(parts) as session:  # It ends before the storage is asked, which may take long.
        tag = f'"{own_photos.find_stored(session, device, own).sha256}"'
    headers = {"Cache-Control": "private, no-cache", "ETag": tag}
    if etags.names(request.headers.get("if-none-match"), tag):
        return Response(status_code=304, headers=headers)
    return Response(thumbnails.original(parts.storage, own), headers=headers, media_type="image/jpeg")


@router.delete("/{photo_id}")
def withdraw(photo_id: UUID, device: KnownDevice, session: Transaction, parts: PartsOfServer) -> SubmissionAnswer:
    """Withdraw a photo: its bytes are deleted now, and no later model is made with it."""
    photos.withdraw(session, parts.storage, device, PhotoId(str(photo_id)))
    return answer(own_photos.status(session, device, PhotoId(str(photo_id))))
