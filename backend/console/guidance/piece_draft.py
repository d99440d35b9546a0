"""What stands in the form of a bin, a label or a thing, before it is one.

Guarantees: whatever was typed comes back as it was typed. A whole piece comes out, or every field that is wrong is
named with a word for what is wrong with it; nothing is guessed and nothing is cut off.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from pydantic import ValidationError

from backend.guides.guide_changes import KINDS, Part, Piece
from mobile_models.guide import Bin, GuideItem, Rule, Symbol, parts_of

TEXTS = ("preparation", "drop_off", "hazard")
"""What a rule says, in the order of the form."""
_WORDS = {
    "string_too_long": "too_long",
    "string_too_short": "empty",
    "too_short": "no_name",
    "too_long": "too_many",
    "string_pattern_mismatch": "choose",
    "enum": "choose",
}
_SENTENCES = {
    "a rule ends before it begins": "ends_early",
    "two rules begin on the same day": "same_day",
    "contains control characters": "not_text",
}


class DraftProblem(ValueError):
    """`fields` are names of fields and what is wrong with each, as words of `terms.PROBLEMS`."""

    def __init__(self, fields: Mapping[str, str]) -> None:
        super().__init__(", ".join(f"{name}: {word}" for name, word in fields.items()))
        self.fields = fields


@dataclass(frozen=True)
class RuleDraft:
    bin: str = ""
    valid_from: str = ""
    valid_until: str = ""
    texts: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    """By what it is about, by language."""

    @property
    def is_blank(self) -> bool:
        said = any(text.strip() for texts in self.texts.values() for text in texts.values())
        return not (self.bin or self.valid_from or self.valid_until or said)


@dataclass(frozen=True)
class Draft:
    part: Part
    piece_id: str = ""
    """Empty for a new one."""
    names: Mapping[str, str] = field(default_factory=dict)
    colour: str = "#4a4f54"
    symbol: str = Symbol.RESIDUAL.value
    rules: tuple[RuleDraft, ...] = ()

    def with_rule(self) -> "Draft":
        """With one more rule, which begins as a copy of the last: most of it stays as it was."""
        last = self.rules[-1] if self.rules else RuleDraft()
        return replace(self, rules=(*self.rules, replace(last, valid_from="", valid_until="")))

    def without_rule(self, place: int) -> "Draft":
        return replace(self, rules=tuple(rule for number, rule in enumerate(self.rules) if number != place))


def of_piece(part: Part, piece: Piece) -> Draft:
    if isinstance(piece, Bin):
        return Draft(part, piece.id, piece.names, piece.colour, piece.symbol.value)
    names = piece.names
    if isinstance(piece, GuideItem):
        names = {language: ", ".join(each) for language, each in piece.names.items()}
    return Draft(part, piece.id, names, rules=tuple(_rule_draft(rule) for rule in piece.rules))  # type: ignore[arg-type]


def of_form(part: Part, form: Mapping[str, Any], languages: tuple[str, ...]) -> Draft:
    """Read what was sent; a field that is not there is empty."""

    def text(name: str) -> str:
        found = form.get(name)
        return found if isinstance(found, str) else ""

    def rule(place: int) -> RuleDraft:
        start = f"rules.{place}"
        texts = {about: {each: text(f"{start}.{about}.{each}") for each in languages} for about in TEXTS}
        return RuleDraft(text(f"{start}.bin"), text(f"{start}.valid_from"), text(f"{start}.valid_until"), texts)

    count = sum(f"rules.{place}.bin" in form for place in range(9))
    return Draft(
        part,
        text("piece_id"),
        {each: text(f"names.{each}") for each in languages},
        text("colour"),
        text("symbol"),
        tuple(rule(place) for place in range(count)),
    )


def piece_of(draft: Draft, piece_id: str) -> Piece:
    """Raise `DraftProblem` unless the draft is a whole piece."""
    content: dict[str, Any] = {"id": piece_id, "names": dict(_names(draft))}
    if draft.part == Part.BINS:
        content |= {"colour": draft.colour.lower(), "symbol": draft.symbol}
    else:
        content["rules"] = [_rule(rule) for rule in draft.rules if not rule.is_blank]
    try:
        return KINDS[draft.part].model_validate(content)
    except ValidationError as error:
        raise DraftProblem(
            {_field(each["loc"]): _word(each["type"], each["msg"]) for each in error.errors()}
        ) from error


def first_name(draft: Draft) -> str:
    """Return the first name that was given, in whichever language."""
    return next((name for name in draft.names.values() if name.strip()), "").split(",")[0]


def _names(draft: Draft) -> Iterator[tuple[str, str | list[str]]]:
    for language, given in draft.names.items():
        names = [each.strip() for each in re.split(r"[,，、;；\n]", given) if each.strip()]
        if names:
            yield language, names if draft.part == Part.ITEMS else given


def _rule(draft: RuleDraft) -> dict[str, Any]:
    texts = {
        about: {language: text for language, text in texts.items() if text.strip()}
        for about, texts in draft.texts.items()
    }
    return {
        "bin": draft.bin,
        "valid_from": draft.valid_from.strip() or None,
        "valid_until": draft.valid_until.strip() or None,
        **texts,
    }


def _rule_draft(rule: Rule) -> RuleDraft:
    first, last = (str(day) if day else "" for day in (rule.valid_from, rule.valid_until))
    return RuleDraft(rule.bin, first, last, parts_of(rule))


def _field(location: tuple[int | str, ...]) -> str:
    """A thing has several names in one field; what concerns all rules stands with the first."""
    if location[:1] == ("names",):
        location = location[:2]
    return ".".join(map(str, location)) or "rules"


def _word(kind: str, message: str) -> str:
    if kind.startswith("date"):
        return "no_date"
    return _WORDS.get(kind) or _SENTENCES.get(message.removeprefix("Value error, "), "not_text")
