"""What the data pages are asked for: the filters, which stand in the address, so that a search can be shared."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from fastapi import Depends, Query
from pydantic import BaseModel, Field, StringConstraints
from sqlmodel import Session, col

from backend import distinct_values, known_labels
from backend.console import days, label_names
from backend.console.days import Day
from backend.console.language import Language
from backend.console.pages import _
from backend.console.visitor import Visitor
from backend.database import Text
from backend.searching.photo_search import Search
from backend.tables import Photo, PhotoSource, PhotoState
from mobile_models.label_set import UNSURE

STATES = {
    PhotoState.RECEIVED: _("waits for inspection"),
    PhotoState.INSPECTED: _("inspected"),
    PhotoState.QUARANTINED: _("quarantined"),
    PhotoState.HIDDEN: _("hidden"),
}
SOURCES = {PhotoSource.SUBMISSION: _("sent by residents"), PhotoSource.IMPORT: _("imported")}
SPLITS = {"train": _("training"), "validation": _("validation"), "holdout": _("holdout")}
_UNSURE = _("Unsure")
_HINTED_PLACES = 100

_Words = Annotated[Text, StringConstraints(strip_whitespace=True, max_length=200)]
_Percent = Annotated[float, Field(ge=0, le=100)] | Literal[""]


class Asked(BaseModel):
    """What a form asks for; dates are those of the city, confidences are percents."""

    text: _Words = ""
    gold: _Words = ""
    predicted: _Words = ""
    corrected: _Words = ""
    place: _Words = ""
    since: Day = ""
    until: Day = ""
    release: Annotated[int, Field(ge=1, lt=2**31)] | Literal[""] = ""
    least: _Percent = ""
    most: _Percent = ""
    disagrees: Literal["", "yes", "no"] = ""
    state: PhotoState | Literal[""] = ""
    split: Literal["", "train", "validation", "holdout"] = ""
    source: PhotoSource | Literal[""] = ""

    def search(self, visitor: Visitor) -> Search:
        return Search(
            gold=self.gold,
            predicted=self.predicted,
            corrected=self.corrected,
            place=self.place,
            since=days.beginning(visitor.language, self.since),
            until=days.end(visitor.language, self.until),
            release=self.release or None,
            least_confidence=None if self.least == "" else self.least / 100,
            most_confidence=None if self.most == "" else self.most / 100,
            disagrees=None if not self.disagrees else self.disagrees == "yes",
            state=self.state or None,
            split=self.split,
            source=self.source or None,
            text=self.text,
        )

    @property
    def query(self) -> dict[str, str]:
        return {name: str(value) for name, value in self if value != ""}

    @property
    def has_more(self) -> bool:
        """Whether one of the filters is used that are folded away."""
        return bool(self.query.keys() & {"release", "least", "most", "disagrees", "state", "split", "source"})


def _asked(given: Annotated[Asked, Query()]) -> Asked:
    """By itself, so that pages may ask for more beside it."""
    return given


AskedFor = Annotated[Asked, Depends(_asked)]


class Choices:
    """What the form of a visitor offers."""

    def __init__(self, session: Session, visitor: Visitor) -> None:
        language = visitor.language
        self.label_names = label_names.of(language, known_labels.label_set(session))
        self.labels = [("", _any(language)), *self.label_names.items()]
        self.predicted = [*self.labels, (UNSURE, language.texts.gettext(_UNSURE))]
        self.states = _named(language, STATES)
        self.sources = _named(language, SOURCES)
        self.splits = _named(language, SPLITS)
        self.places = _places(session, visitor)


def _named(language: Language, texts: Mapping[Any, str]) -> list[tuple[str, str]]:
    return [("", _any(language)), *((str(key), language.texts.gettext(text)) for key, text in texts.items())]


def _any(language: Language) -> str:
    return language.texts.gettext("any")


def _places(session: Session, visitor: Visitor) -> list[str]:
    """As a help for spelling."""
    if visitor.person.areas is not None:
        return list(visitor.person.areas)
    return distinct_values.of(session, col(Photo.place), _HINTED_PLACES)
