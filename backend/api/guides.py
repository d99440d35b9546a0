"""`/v1/guides`: which bin things go into in a city. Everybody may read what is published; guide editors change it.

Phones take the same document from the signed updates (`guides/<city>.json`); this is for programs that have a network
and trust this server.
"""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Path, Request, Response
from pydantic import BaseModel, Field

from backend.api import etags
from backend.api.dependencies import Transaction
from backend.api.staff_dependencies import GuideEditor
from backend.database import RowNumber, Text, now
from backend.errors import DomainError, NotFound
from backend.guides import guidance
from backend.tables import GuideVersion
from mobile_models.guide import Guide, LanguageCode, Name
from mobile_models.label_set import LabelId

router = APIRouter(prefix="/v1/guides", tags=["guides"])

City = Annotated[LabelId, Path(description="as in `guides/<city>.json`")]
Reason = Annotated[Text, Field(max_length=guidance.MOST_REASON)]
_HEADERS = {"Access-Control-Allow-Origin": "*", "Access-Control-Expose-Headers": "ETag", "Cache-Control": "no-cache"}


class GuideSummary(BaseModel):
    city: str
    names: dict[str, str]
    languages: list[str]
    version: int
    published_at: datetime | None


class GuideList(BaseModel):
    guides: list[GuideSummary]


class VersionAnswer(BaseModel):
    city: str
    number: int
    made_at: datetime
    made_by: str
    reason: str
    came_from: int | None
    published_at: datetime | None
    published_by: str | None
    publish_reason: str
    reached_at: datetime | None
    """When phones could get it, signed."""

    @classmethod
    def of(cls, row: GuideVersion) -> "VersionAnswer":
        return cls.model_validate(row, from_attributes=True)


class VersionList(BaseModel):
    versions: list[VersionAnswer]


class VersionWithGuide(VersionAnswer):
    guide: Guide


class CreateBody(BaseModel):
    city: LabelId
    names: dict[LanguageCode, Name] = Field(min_length=1)
    languages: list[LanguageCode] = Field(min_length=1, max_length=12)
    like: LabelId | None = Field(default=None, description="a city whose bins and rules it begins with")


class ReplaceBody(BaseModel):
    based_on: RowNumber = Field(description="the version that was changed; refused if there is a newer one")
    guide: Guide
    reason: Reason = ""


class ReasonBody(BaseModel):
    reason: Reason = Field(min_length=1)


class PublishBody(ReasonBody):
    version: RowNumber


@router.get("")
def every(session: Transaction) -> GuideList:
    """Return the cities with a published guide."""
    rows = (guidance.published(session, each.city) for each in guidance.cities(session))
    return GuideList(guides=[_summary(row) for row in rows if row is not None])


@router.get("/{city}", response_model=Guide)
def one(city: City, request: Request, session: Transaction) -> Response:
    """Return the published guide, or 304 where the version of `If-None-Match` is still it."""
    row = guidance.published(session, city)
    if row is None:
        raise NotFound(f"The guide of {city} is not published yet.")
    headers = _HEADERS | {"ETag": f'"{city}.{row.number}"'}
    if etags.names(request.headers.get("if-none-match"), headers["ETag"]):
        return Response(status_code=304, headers=headers)
    return Response(guidance.guide_of(row).to_bytes(), media_type="application/json", headers=headers)


@router.post("", status_code=201)
def create(given: CreateBody, person: GuideEditor, session: Transaction) -> VersionAnswer:
    like = guidance.guide_of(guidance.newest(session, given.like)) if given.like else None
    return VersionAnswer.of(guidance.create(session, person, given.city, given.names, given.languages, like))


@router.get("/{city}/versions")
def versions(city: City, _: GuideEditor, session: Transaction, before: RowNumber | None = None) -> VersionList:
    """Return 50 versions, newest first; `before` is the number of the last one of the page before."""
    guidance.published(session, city)
    return VersionList(versions=[VersionAnswer.of(row) for row in guidance.history(session, city, before=before)])


@router.get("/{city}/versions/{number}")
def version(city: City, number: RowNumber, _: GuideEditor, session: Transaction) -> VersionWithGuide:
    row = guidance.version(session, city, number)
    return VersionWithGuide(**VersionAnswer.of(row).model_dump(), guide=guidance.guide_of(row))


@router.post("/{city}/versions", status_code=201)
def replace(city: City, given: ReplaceBody, person: GuideEditor, session: Transaction) -> VersionAnswer:
    """Make the next version. Phones get it when it is published."""
    if given.guide.city != city:
        raise DomainError(f"This is the guide of {given.guide.city}.", code="guide_refused")
    row = guidance.replace(session, person, given.guide, based_on=given.based_on, reason=given.reason)
    return VersionAnswer.of(row)


@router.post("/{city}/versions/{number}/restore", status_code=201)
def restore(
    city: City, number: RowNumber, given: ReasonBody, person: GuideEditor, session: Transaction
) -> VersionAnswer:
    """Make a new version with the content of an older one."""
    return VersionAnswer.of(guidance.go_back(session, person, city, number, given.reason))


@router.post("/{city}/publish")
def publish(city: City, given: PublishBody, person: GuideEditor, session: Transaction) -> VersionAnswer:
    """Give the newest version to phones: signed, and without a new model."""
    return VersionAnswer.of(guidance.publish(session, person, city, given.version, given.reason, now()))


def _summary(row: GuideVersion) -> GuideSummary:
    guide = guidance.guide_of(row)
    return GuideSummary(
        city=row.city,
        names=guide.names,
        languages=list(guide.languages),
        version=row.number,
        published_at=row.published_at,
    )
