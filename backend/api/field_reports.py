"""`POST /v1/field-reports`: phones tell what they met. `GET /v1/releases/{version}/field`: what came of it."""

from datetime import date
from typing import Any

import anyio.to_thread
from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, ConfigDict, ValidationError

from backend.api import problems
from backend.api.dependencies import CurrentSettings, KnownDevice, Parts, PartsOfServer, Transaction, transaction_of
from backend.api.staff_dependencies import Engineer
from backend.database import RowNumber, now
from backend.errors import TooLarge
from backend.evidence import field_evidence, field_figures, field_reports
from backend.evidence.field_evidence import Verdict
from backend.releasing import releases, rollouts
from backend.tables import DeviceId
from mobile_models.field_report import FieldReport

router = APIRouter()
MOST_BYTES = 16 * 1024
_BODY: dict[str, Any] = {
    "requestBody": {"required": True, "content": {"application/json": {"schema": FieldReport.model_json_schema()}}}
}


class Counted(BaseModel):
    counted: int
    """Entries that counted; those that were counted before do not count again."""


class _Figures(BaseModel):
    model_config = ConfigDict(from_attributes=True)


class LatencyAnswer(_Figures):
    """Milliseconds."""

    p50: float
    p90: float
    p99: float


class DayAnswer(_Figures):
    """One side of one day; null where fewer phones than `smallest_cell_phones` ran it."""

    day: date
    channel: str
    arm: str
    running: int | None
    answers: int | None
    accepted: int | None
    corrected: int | None
    correction_rate: float | None


class PhoneModelAnswer(_Figures):
    phone_model: str
    running: int
    """Phones and days on which they ran it."""
    answers: int
    failed: int
    correction_rate: float | None
    latency: LatencyAnswer | None


class SampleAnswer(_Figures):
    answers: int
    corrected: int
    rate: float | None


class JudgementAnswer(_Figures):
    """What the field says now about a rollout that is under way; p-values are valid however often one looks."""

    verdict: Verdict
    reasons: list[str]
    cohort: SampleAnswer
    others: SampleAnswer
    passed: int
    failed: int
    answers_at_step: int
    harm_p_value: float
    harmless_p_value: float
    failures_p_value: float


class FieldAnswer(_Figures):
    version: int
    installed: int
    passed: int
    failed: int
    refused: dict[str, int]
    looks_refused: dict[str, int]
    """While it ran: why phones did not believe what they found, in days of phones."""
    self_test_failed: int
    load_crashes: int
    rolled_back: int
    latency: LatencyAnswer | None
    days: list[DayAnswer]
    phone_models: list[PhoneModelAnswer]
    judgements: dict[str, JudgementAnswer] = {}
    """By channel, of each rollout of this release that is under way."""


@router.post(
    "/v1/field-reports",
    tags=["phones"],
    response_model=Counted,
    status_code=201,
    responses={200: {"model": Counted, "description": "it was counted before"}},
    openapi_extra=_BODY,
)
async def report(request: Request, response: Response, device: KnownDevice, parts: PartsOfServer) -> Counted | Response:
    """Tell what this phone met with its releases on one UTC day, once the day is over. The same report counts once.

    The token serves to count each phone once; what is kept does not say which phone it was.
    """
    parts.field_reports.check(device)
    try:
        given = FieldReport.model_validate_json(await _body(request))
    except ValidationError as error:
        return problems.invalid_fields("report", error)
    counted = await anyio.to_thread.run_sync(_accept, parts, device, given)
    response.status_code = 201 if counted else 200
    return Counted(counted=counted)


@router.get("/v1/releases/{version}/field", tags=["releases"])
def figures(version: RowNumber, _: Engineer, session: Transaction, settings: CurrentSettings) -> FieldAnswer:
    """What phones met with a release: installs, refusals, failures, latency, corrections by side and day."""
    releases.find(session, version)
    found = FieldAnswer.model_validate(field_figures.of_release(session, version, settings.smallest_cell_phones))
    under_way = [each for each in rollouts.under_way(session) if each.version == version]
    judgements = {
        each.channel: JudgementAnswer.model_validate(field_evidence.judge(session, settings, each, now()))
        for each in under_way
    }
    return found.model_copy(update={"judgements": judgements})


def _accept(parts: Parts, device: DeviceId, given: FieldReport) -> int:
    with transaction_of(parts) as session:
        return field_reports.accept(session, parts.settings, device, given, now())


async def _body(request: Request) -> bytes:
    """Read no more than a report can have."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MOST_BYTES:
            raise TooLarge(f"A report has at most {MOST_BYTES} bytes.", code="too_many_bytes")
    return bytes(body)
