"""`/console/service`: seven calls for programs and people alike, and where they stand.

The calls are those of the service of the project behind the recipe `convnext` (Automated Garbage Classification Using
ConvNeXt): predict, retrain, info, change, save_config, restore_config, refresh.

Guarantees: each call answers JSON to whoever accepts `application/json`, else a page. Nothing changes by GET.
"""

from dataclasses import dataclass
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import JSONResponse
from pydantic import BaseModel

from backend import known_labels
from backend.api.dependencies import Parts, PartsOfServer, transaction_of
from backend.console import label_names, pages, refusals, safety
from backend.console.pages import _
from backend.console.problem_pages import wants_page
from backend.console.service.arguments import DataReaderCalls, EngineerCalls
from backend.console.visitor import Visitor
from backend.datasets import photo_samples
from backend.errors import DomainError
from backend.intake import thumbnails
from backend.reviewing import review_items
from backend.runs.recipe_drafts import DEFAULT
from backend.tables import Photo, PhotoId

router = APIRouter(include_in_schema=False)
SERVICE = "/console/service"
TAKE_FOLDERS = (f"{SERVICE}/predict", f"{SERVICE}/retrain")
"""Paths that take more bytes than others."""
MOST_SAMPLES = 50


@dataclass(frozen=True)
class CallOffered:
    name: str
    method: str
    text: str
    arguments: dict[str, str]
    """Name to default, as text."""


CALLS = (
    CallOffered("predict", "POST", _("Classify photos"), {"folder": "", "files": ""}),
    CallOffered(
        "retrain",
        "POST",
        _("Retrain the model"),
        {
            "folder": "",
            "files": "",
            "snapshot_id": "",
            "from_scratch": "false",
            "mode": "",
            "weights": "",
            "licence": "",
            "verbose": "false",
        },
    ),
    CallOffered("info", "GET", _("What runs, and how it is retrained"), {}),
    CallOffered("change", "POST", _("Change a parameter of your draft"), {"param": "-", "value": "-"}),
    CallOffered("save_config", "POST", _("Save your draft under a name"), {"confirm": "false", "path": DEFAULT}),
    CallOffered("restore_config", "POST", _("Restore what was saved"), {"confirm": "false", "path": DEFAULT}),
    CallOffered("refresh", "GET", _("Photos by chance"), {"num": "10"}),
)
"""An argument whose default is `-` must be given."""


TEXTS = {
    "no_folder": _("There is no such folder below the configured one."),
    "one_folder": _("Choose a folder, or photos or a ZIP; not both."),
    "no_photo": _("There is no photo in it."),
    "bad_zip": _("This ZIP cannot be read."),
    "too_many_files": _("These are too many photos at once."),
    "no_model": _("There is no model that can be used yet."),
    "no_champion": _("There is no model to go on from yet. Train from scratch."),
    "confirmation_needed": _("Confirm it first."),
}
"""Code of an error to what is said; others are told as everywhere (`refusals`)."""


def said(visitor: Visitor, refused: DomainError | None) -> str:
    """What a page of the service says of a refusal; nothing where there is none."""
    if refused is None:
        return ""
    text = TEXTS.get(refused.code)
    return visitor.language.texts.gettext(text) if text else refusals.said(visitor.language, refused)


def label_names_for(visitor: Visitor, parts: Parts) -> dict[str, str]:
    with transaction_of(parts) as session:
        return label_names.of(visitor.language, known_labels.label_set(session))


class Sample(BaseModel):
    photo_id: str
    url: str
    gold_label: str | None
    place: str | None
    captured_on: str | None
    width: int
    height: int


@router.get(SERVICE)
def calls(request: Request, visitor: EngineerCalls, parts: PartsOfServer) -> Response:
    if not wants_page(request):
        listed = [vars(each) | {"path": f"{SERVICE}/{each.name}"} for each in CALLS]
        return JSONResponse({"calls": listed}, headers=safety.headers())
    return pages.render("service/calls.html", visitor, parts.settings, calls=CALLS)


@router.get(f"{SERVICE}/refresh")
def refresh(
    request: Request,
    visitor: DataReaderCalls,
    parts: PartsOfServer,
    num: Annotated[int, Query(ge=1, le=MOST_SAMPLES)] = 10,
) -> Response:
    with transaction_of(parts) as session:
        samples = [_sample(each) for each in photo_samples.draw(session, visitor.person, num)]
    if not wants_page(request):
        return JSONResponse({"samples": [each.model_dump() for each in samples]}, headers=safety.headers())
    return pages.render(
        "service/refresh.html",
        visitor,
        parts.settings,
        samples=samples,
        num=num,
        most=MOST_SAMPLES,
        names=label_names_for(visitor, parts),
    )


@router.get(f"{SERVICE}/photos/{{photo_id}}")
def photo(photo_id: UUID, visitor: DataReaderCalls, parts: PartsOfServer) -> Response:
    """The photo itself, if its sender lets staff look at it and it lies where this person works."""
    wanted = PhotoId(str(photo_id))
    with transaction_of(parts) as session:
        review_items.check_reviewable(review_items.found_by(session, visitor.person, wanted))
    content = thumbnails.original(parts.storage, wanted)
    return Response(content, media_type="image/jpeg", headers=safety.headers())


def _sample(photo: Photo) -> Sample:
    return Sample(
        photo_id=photo.id,
        url=f"{SERVICE}/photos/{photo.id}",
        gold_label=photo.gold_label,
        place=photo.place,
        captured_on=None if photo.captured_on is None else photo.captured_on.isoformat(),
        width=photo.width,
        height=photo.height,
    )
