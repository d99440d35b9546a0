"""What the pages of guides show: a guide with its gaps, and the phone's screen.

Guarantees: the phone's screen shows what the phone's own code answers (`mobile_models.guide`), for the day and the
language that were asked for.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Annotated, Any

from fastapi import Path
from sqlmodel import Session

from backend import known_labels
from backend.console import days, label_names
from backend.console.guidance import terms
from backend.console.language import Language
from backend.console.visitor import Visitor
from backend.guides import guidance
from backend.guides.guide_changes import Part, pieces
from backend.guides.guide_gaps import Gaps
from backend.tables import GuideVersion
from mobile_models.guide import Bin, Guide, GuideAnswer, GuideItem, GuideLabel, Rule, in_language
from mobile_models.guide_search import folded
from mobile_models.label_set import LabelId, LabelSet

GUIDANCE = "/console/guidance"
City = Annotated[LabelId, Path()]


@dataclass(frozen=True)
class Row:
    """One label or thing in the list of a city."""

    part: Part
    id: str
    name: str
    bin: Bin | None
    """Where it goes today."""
    next_rule: Rule | None
    """The one that begins next."""
    lacking: tuple[str, ...]
    """Languages that it is not written in completely."""


@dataclass(frozen=True)
class Screen:
    """What the phone shows."""

    language: str
    words: dict[str, str]
    answers: Sequence[GuideAnswer]
    question: str | None = None
    """What was searched for, where that was so."""


@dataclass(frozen=True)
class Shown:
    """A city's guide as the pages show it."""

    row: GuideVersion
    published: GuideVersion | None
    guide: Guide
    labels: LabelSet
    gaps: Gaps
    reader: Language

    @property
    def name(self) -> str:
        return self.text(self.guide.names) or self.guide.city

    @property
    def is_published(self) -> bool:
        return self.row.published_at is not None

    @property
    def languages(self) -> list[tuple[str, str]]:
        return [(code, terms.language_name(self.reader, code)) for code in self.guide.languages]

    def text(self, texts: dict[str, str]) -> str:
        return in_language(texts, self.guide.fallbacks(self.reader.code)) or ""

    def rows(self, part: Part, called: str = "") -> list[Row]:
        """Return what there is, of things those with a name that contains what they are `called`."""
        lacking: dict[str, list[str]] = {}
        for each in self.gaps.missing:
            if each.part == part and each.language not in lacking.setdefault(each.piece_id, []):
                lacking[each.piece_id].append(each.language)
        things = self.guide.labels if part == Part.LABELS else self.guide.items
        return [
            self._row(part, thing, tuple(lacking.get(thing.id, ()))) for thing in things if _is_called(thing, called)
        ]

    @property
    def unwritten(self) -> list[tuple[str, str]]:
        """Labels of the models that the guide does not mention at all, with their names."""
        known = {label.id for label in self.guide.labels}
        return [(label.id, label.name) for label in self.labels.labels if label.id not in known]

    @property
    def unanswered(self) -> list[str]:
        """Names of the labels that no rule says anything about today."""
        names = label_names.of(self.reader, self.labels)
        return [names[label] for label in self.gaps.unanswered]

    def called(self, part: Part | None, piece_id: str) -> str:
        """Return the name of a piece; of one that is gone from this version, its id."""
        if part is None:
            return self.name
        piece = pieces(self.guide, part).get(piece_id)
        if piece is None:
            return piece_id
        return self.text(piece.names) if isinstance(piece, Bin) else self.name_of(piece)

    def uses(self, bin_id: str) -> list[str]:
        """Return the names of all that goes into a bin, at any time."""
        return [self.name_of(thing) for thing in self.guide.things if any(rule.bin == bin_id for rule in thing.rules)]

    def _row(self, part: Part, thing: GuideLabel | GuideItem, lacking: tuple[str, ...]) -> Row:
        today = days.today(self.reader)
        rule = thing.rule_on(today)
        coming = [each for each in thing.rules if each.valid_from and each.valid_from > today]
        return Row(
            part,
            thing.id,
            self.name_of(thing),
            None if rule is None else self.guide.bin(rule.bin),
            min(coming, key=lambda each: each.valid_from or date.max, default=None),
            lacking,
        )

    def name_of(self, thing: GuideLabel | GuideItem) -> str:
        """Return what a thing is called in the reader's language, as far as it is."""
        languages = self.guide.fallbacks(self.reader.code)
        return next((names[0] for names in map(thing.names_in, languages) if names), thing.id)


def _is_called(thing: GuideLabel | GuideItem, called: str) -> bool:
    wanted = folded(called)
    return not wanted or any(wanted in folded(name) for language in thing.names for name in thing.names_in(language))


def shown(session: Session, visitor: Visitor, city: str) -> Shown:
    row = guidance.newest(session, city)
    return Shown(
        row=row,
        published=guidance.published(session, city),
        guide=guidance.guide_of(row),
        labels=known_labels.label_set(session),
        gaps=guidance.gaps(session, row, days.today(visitor.language)),
        reader=visitor.language,
    )


def words() -> dict[str, Any]:
    """What every template of guides needs."""
    return {
        "parts": terms.PARTS,
        "fields": terms.FIELDS,
        "symbol_names": terms.SYMBOLS,
        "drawing": terms.drawing,
    }


def screen(
    reader: Language, language: str, answers: Sequence[GuideAnswer | None], question: str | None = None
) -> Screen:
    """Return the phone's screen; without an answer it says that there is none."""
    found = [each for each in answers if each is not None]
    return Screen(language, terms.phone_words(reader, language), found, question)


def day_of(reader: Language, text: str) -> date:
    """Return the day that was asked for; what is none is today."""
    try:
        return date.fromisoformat(text)
    except ValueError:
        return days.today(reader)
