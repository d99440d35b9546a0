"""The city's guide, `guides/<city>.json`: which bin a thing goes into, and what to do before.

Guarantees: a guide that can be read is whole: every rule names a bin of the guide, no two rules of one thing begin on
the same day, and texts stand only under the guide's languages. Of the rules in force on a day the one that began last
counts, so that a change to come is one more rule and not a change of the old one. Where a text is missing in a language
the guide's first language answers, then any other: a resident reads something foreign rather than nothing. It changes
without a new model: a model knows labels, and the guide says what they mean here.
"""

import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import date
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Self, TypeVar

from pydantic import AfterValidator, Field, StringConstraints, model_validator

from mobile_models.document import Document
from mobile_models.label_set import LabelId, LabelSet

SIZE_LIMIT_BYTES = 512 * 1024
"""Of the published document: phones take no larger one."""
SYMBOLS_FOLDER = Path(__file__).with_name("bin_symbols")
"""One SVG for each `Symbol`, 24 by 24, drawn in the current colour."""
EXAMPLE = Path(__file__).with_name("guides") / "example.json"
"""A complete guide in three languages for the bundled labels, of a city that does not exist."""


def _check_text(text: str) -> str:
    if any(unicodedata.category(sign) in ("Cc", "Cs") and sign not in "\n\t" for sign in text):
        raise ValueError("contains control characters")
    return text


LanguageCode = Annotated[str, StringConstraints(pattern=r"^[a-z]{2,3}(-[A-Za-z0-9]{2,8})?$")]
"""As BCP 47 has it: `en`, `vi`, `zh`, `zh-Hant`."""
Name = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=80), AfterValidator(_check_text)
]
Text = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=500), AfterValidator(_check_text)
]
Names = dict[LanguageCode, Name]
Texts = dict[LanguageCode, Text]
_Value = TypeVar("_Value")


class Symbol(StrEnum):
    """What a bin shows beside its colour, since not everybody tells colours apart."""

    PAPER = "paper"
    BOX = "box"
    BOTTLE = "bottle"
    CAN = "can"
    PACKAGING = "packaging"
    FOOD = "food"
    RESIDUAL = "residual"
    HAZARD = "hazard"
    BATTERY = "battery"
    MEDICINE = "medicine"
    PLUG = "plug"
    SHIRT = "shirt"
    HOUSE = "house"
    RECYCLE = "recycle"

    @property
    def file(self) -> Path:
        return SYMBOLS_FOLDER / f"{self}.svg"


class Bin(Document):
    """A bin, or a place that takes things."""

    id: LabelId
    colour: str = Field(pattern=r"^#[0-9a-f]{6}$")
    symbol: Symbol
    names: Names = Field(min_length=1)

    @property
    def ink(self) -> str:
        """Black or white, whichever stands out more from the bin's colour (WCAG 2.2, contrast ratio)."""
        return "#000000" if _luminance(self.colour) > 0.179 else "#ffffff"


class Rule(Document):
    """What to do with a thing, from a day on or for good."""

    bin: LabelId
    preparation: Texts = Field(default_factory=dict)
    drop_off: Texts = Field(default_factory=dict)
    hazard: Texts = Field(default_factory=dict)
    valid_from: date | None = Field(default=None, description="first day; null: always so")
    valid_until: date | None = Field(default=None, description="last day; null: until another rule begins")

    @model_validator(mode="after")
    def _ends_after_it_begins(self) -> Self:
        if self.valid_from and self.valid_until and self.valid_until < self.valid_from:
            raise ValueError("a rule ends before it begins")
        return self

    def is_in_force(self, day: date) -> bool:
        return (self.valid_from or day) <= day <= (self.valid_until or day)


class Thing(Document):
    """Something that residents ask about."""

    id: LabelId
    rules: tuple[Rule, ...] = Field(default=(), max_length=8)

    @model_validator(mode="after")
    def _rules_begin_on_different_days(self) -> Self:
        days = [rule.valid_from for rule in self.rules]
        if len(set(days)) != len(days):
            raise ValueError("two rules begin on the same day")
        return self

    def rule_on(self, day: date) -> Rule | None:
        """Return the rule in force that began last."""
        in_force = (rule for rule in self.rules if rule.is_in_force(day))
        return max(in_force, key=lambda rule: rule.valid_from or date.min, default=None)


class GuideLabel(Thing):
    """A label of the models, which a photo leads to."""

    names: Names = Field(min_length=1)

    def names_in(self, language: str) -> tuple[str, ...]:
        return (self.names[language],) if language in self.names else ()


class GuideItem(Thing):
    """A thing that people look up by its name."""

    names: dict[LanguageCode, Annotated[tuple[Name, ...], Field(min_length=1, max_length=12)]] = Field(min_length=1)
    """The first one is shown, the others are found."""

    def names_in(self, language: str) -> tuple[str, ...]:
        return self.names.get(language, ())


class LabelSetName(Document):
    id: LabelId
    version: int = Field(ge=1)

    @classmethod
    def of(cls, labels: LabelSet) -> Self:
        return cls(id=labels.id, version=labels.version)


class Guide(Document):
    """`guides/<city>.json`."""

    format_version: int = Field(default=1, ge=1)
    city: LabelId
    version: int = Field(ge=1, description="grows with each change")
    names: Names = Field(min_length=1, description="of the city")
    languages: tuple[LanguageCode, ...] = Field(min_length=1, max_length=12, description="the first one stands in")
    label_set: LabelSetName = Field(description="that it was written for")
    bins: tuple[Bin, ...] = Field(default=(), max_length=40)
    labels: tuple[GuideLabel, ...] = Field(default=(), max_length=400)
    items: tuple[GuideItem, ...] = Field(default=(), max_length=2000)

    @model_validator(mode="after")
    def _is_whole(self) -> Self:
        for things in (self.bins, self.labels, self.items):
            _check_unique(thing.id for thing in things)
        _check_unique(self.languages)
        self._check_bins()
        self._check_languages()
        return self

    def _check_bins(self) -> None:
        known = {each.id for each in self.bins}
        for thing in self.things:
            for rule in thing.rules:
                if rule.bin not in known:
                    raise ValueError(f"{thing.id} goes into the bin {rule.bin}, which there is not")

    def _check_languages(self) -> None:
        texts: list[Iterable[str]] = [self.names, *(each.names for each in self.bins)]
        for thing in self.things:
            texts += [thing.names, *(part for rule in thing.rules for part in parts_of(rule).values())]
        if foreign := {language for each in texts for language in each} - {*self.languages}:
            raise ValueError(f"texts in {', '.join(sorted(foreign))}, which is no language of the guide")

    @property
    def things(self) -> tuple["GuideLabel | GuideItem", ...]:
        """All that can be asked about, items first."""
        return (*self.items, *self.labels)

    def bin(self, bin_id: str) -> Bin:
        return next(each for each in self.bins if each.id == bin_id)

    def fallbacks(self, language: str) -> tuple[str, ...]:
        """Return the guide's languages, that of the reader first: `vi` also where `vi-VN` is asked for."""
        asked = (language, language.partition("-")[0])
        first = [each for each in asked if each in self.languages]
        return tuple(dict.fromkeys((*first, *self.languages)))


class GuideAnswer(Document):
    """What the phone shows, in the reader's language as far as the guide goes."""

    thing: LabelId
    name: str
    bin: LabelId
    bin_name: str
    colour: str
    ink: str
    symbol: Symbol
    preparation: str | None
    drop_off: str | None
    hazard: str | None


def parts_of(rule: Rule) -> dict[str, Texts]:
    """The texts of a rule by what they are about, in the order in which phones show them."""
    return {"hazard": rule.hazard, "preparation": rule.preparation, "drop_off": rule.drop_off}


def answer(guide: Guide, label: str, language: str, day: date) -> GuideAnswer | None:
    """Return what `guide` says about a label; None where it says nothing, as about `unsure`."""
    found = next((each for each in guide.labels if each.id == label), None)
    return None if found is None else answer_about(guide, found, language, day)


def answer_about(guide: Guide, thing: GuideLabel | GuideItem, language: str, day: date) -> GuideAnswer | None:
    rule = thing.rule_on(day)
    if rule is None:
        return None
    languages, chosen = guide.fallbacks(language), guide.bin(rule.bin)
    return GuideAnswer(
        thing=thing.id,
        name=next(names[0] for names in map(thing.names_in, languages) if names),
        bin=chosen.id,
        bin_name=in_language(chosen.names, languages) or chosen.id,
        colour=chosen.colour,
        ink=chosen.ink,
        symbol=chosen.symbol,
        **{part: in_language(texts, languages) for part, texts in parts_of(rule).items()},
    )


def in_language(texts: Mapping[str, _Value], languages: Iterable[str]) -> _Value | None:
    """Return the text in the first of `languages` that there is one in."""
    return next((texts[each] for each in languages if each in texts), None)


def _check_unique(ids: Iterable[str]) -> None:
    twice = [each for each, times in Counter(ids).items() if times > 1]
    if twice:
        raise ValueError(f"there more than once: {', '.join(twice)}")


def _luminance(colour: str) -> float:
    """Relative luminance of an sRGB colour (WCAG 2.2)."""
    parts = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
