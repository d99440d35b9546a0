"""Changes of a guide, piece by piece, and what differs between two guides.

Guarantees: nothing but plain documents goes in and comes out. A change concerns one piece, so that two people who work
on different pieces do not get in each other's way; what comes out is a whole guide or a `ValueError` that says why not.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from pydantic import ValidationError

from mobile_models.guide import Bin, Guide, GuideItem, GuideLabel, LabelSetName, Rule, parts_of
from mobile_models.guide_search import folded
from mobile_models.label_set import LabelSet

Piece = Bin | GuideLabel | GuideItem
Fields = dict[tuple[str, ...], str]
"""What people read in a piece, by paths such as ("rules", "2027-01-01", "preparation", "vi")."""


class Part(StrEnum):
    """What a guide is made of; the names of its fields."""

    BINS = "bins"
    LABELS = "labels"
    ITEMS = "items"


KINDS: Mapping[Part, type[Bin] | type[GuideLabel] | type[GuideItem]] = {
    Part.BINS: Bin,
    Part.LABELS: GuideLabel,
    Part.ITEMS: GuideItem,
}


@dataclass(frozen=True)
class Change:
    """Puts one piece into a guide, in the place of the one with its id, or takes that away."""

    part: Part
    piece_id: str
    piece: Piece | None


@dataclass(frozen=True)
class Line:
    """One field that differs."""

    path: tuple[str, ...]
    before: str
    after: str


@dataclass(frozen=True)
class Difference:
    part: Part | None
    """None: the city itself."""
    piece_id: str
    is_new: bool
    is_gone: bool
    lines: tuple[Line, ...]


def pieces(guide: Guide, part: Part) -> dict[str, Piece]:
    return {piece.id: piece for piece in getattr(guide, part)}


def changed(guide: Guide, change: Change) -> Guide:
    """Raise `ValueError` if no whole guide comes out: a bin that is still in use cannot go, for example."""
    found = pieces(guide, change.part)
    if change.piece is None:
        found.pop(change.piece_id, None)
    else:
        found[change.piece_id] = change.piece
    return altered(guide, **{change.part: tuple(found.values())})


def altered(guide: Guide, **fields: object) -> Guide:
    """Return `guide` with other `fields`, checked as a whole."""
    try:
        return Guide.model_validate({name: getattr(guide, name) for name in Guide.model_fields} | fields)
    except ValidationError as error:
        raise ValueError("; ".join(each["msg"].removeprefix("Value error, ") for each in error.errors())) from error


def without_languages(guide: Guide, kept: tuple[str, ...]) -> dict[str, object]:
    """Return all fields of `guide` that hold texts, with those in the languages `kept` alone."""

    def only(texts: Mapping[str, object]) -> dict[str, object]:
        return {language: text for language, text in texts.items() if language in kept}

    def rules(of: tuple[Rule, ...]) -> list[dict[str, object]]:
        return [rule.model_dump() | {name: only(texts) for name, texts in parts_of(rule).items()} for rule in of]

    return {
        "names": only(guide.names),
        "bins": [each.model_dump() | {"names": only(each.names)} for each in guide.bins],
        "labels": [
            each.model_dump() | {"names": only(each.names), "rules": rules(each.rules)} for each in guide.labels
        ],
        "items": [each.model_dump() | {"names": only(each.names), "rules": rules(each.rules)} for each in guide.items],
    }


def for_labels(guide: Guide, labels: LabelSet) -> Guide:
    return altered(guide, label_set=LabelSetName.of(labels))


def free_id(guide: Guide, part: Part, name: str) -> str:
    """Return an id for a new piece: from its name where that can be written in plain letters."""
    plain = "_".join("".join(sign for sign in word if sign.isascii()) for word in folded(name).split())
    stem = plain.strip("_0123456789")[:30].strip("_") or part.removesuffix("s")
    taken = pieces(guide, part)
    tries = (stem if number == 1 else f"{stem}_{number}" for number in range(1, len(taken) + 2))
    return next(each for each in tries if each not in taken)


def differences(before: Guide, after: Guide) -> tuple[Difference, ...]:
    """Return what differs, in the order of the newer guide; what is gone comes last in its part."""
    found = [_difference(None, after.city, _city_lines(before), _city_lines(after))]
    for part in Part:
        old, new = pieces(before, part), pieces(after, part)
        found += [
            _difference(part, piece_id, lines(old.get(piece_id)), lines(new.get(piece_id)))
            for piece_id in (*new, *(each for each in old if each not in new))
        ]
    return tuple(each for each in found if each.lines)


def lines(piece: Piece | None) -> Fields:
    """Return the fields of a piece as people read them, by their paths."""
    if piece is None:
        return {}
    found: Fields = {("names", language): _joined(names) for language, names in piece.names.items()}
    if isinstance(piece, Bin):
        return {**found, ("colour",): piece.colour, ("symbol",): str(piece.symbol)}
    for rule in piece.rules:
        found |= _rule_lines(rule)
    return found


def _rule_lines(rule: Rule) -> Fields:
    start = str(rule.valid_from or "")
    found: Fields = {("rules", start, "bin"): rule.bin}
    if rule.valid_until:
        found["rules", start, "valid_until"] = str(rule.valid_until)
    for name, texts in parts_of(rule).items():
        found.update({("rules", start, name, language): text for language, text in texts.items()})
    return found


def _city_lines(guide: Guide) -> Fields:
    found: Fields = {("names", language): name for language, name in guide.names.items()}
    label_set = f"{guide.label_set.id} {guide.label_set.version}"
    return {**found, ("languages",): ", ".join(guide.languages), ("label_set",): label_set}


def _difference(part: Part | None, piece_id: str, before: Fields, after: Fields) -> Difference:
    paths = dict.fromkeys((*after, *before))
    lines_changed = tuple(
        Line(path, before.get(path, ""), after.get(path, "")) for path in paths if before.get(path) != after.get(path)
    )
    return Difference(part, piece_id, not before, not after, lines_changed)


def _joined(names: str | tuple[str, ...]) -> str:
    return names if isinstance(names, str) else ", ".join(names)
