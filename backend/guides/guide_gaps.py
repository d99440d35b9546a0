"""What a guide lacks: labels without an answer, and texts that are there in one language and not in another.

Guarantees: a guide whose `unanswered` is empty answers every label of the models in some language on that day.
"""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import date

from backend.guides.guide_changes import Part
from mobile_models.guide import Guide, parts_of
from mobile_models.label_set import LabelSet


@dataclass(frozen=True)
class Missing:
    """A text that `language` lacks, of a piece or (without part) of the city itself."""

    language: str
    part: Part | None
    piece_id: str
    name: str
    """The field: `names`, `preparation` ..."""


@dataclass(frozen=True)
class Gaps:
    unanswered: tuple[str, ...]
    """Labels that a photo may lead to and that no rule says anything about."""
    missing: tuple[Missing, ...]
    texts: int
    """How many texts each language should have."""

    def of(self, language: str) -> tuple[Missing, ...]:
        return tuple(each for each in self.missing if each.language == language)

    def share(self, language: str) -> float:
        """How much of the guide can be read in `language`."""
        return 1 - len(self.of(language)) / self.texts if self.texts else 1.0


def find(guide: Guide, labels: LabelSet, day: date) -> Gaps:
    answered = {label.id for label in guide.labels if label.rule_on(day) is not None}
    missing: list[Missing] = []
    count = 0
    for part, piece_id, name, written in _texts(guide):
        count += 1
        missing += [Missing(language, part, piece_id, name) for language in guide.languages if language not in written]
    return Gaps(tuple(each for each in labels.ids if each not in answered), tuple(missing), count)


def _texts(guide: Guide) -> Iterator[tuple[Part | None, str, str, Collection[str]]]:
    yield None, guide.city, "names", guide.names
    for each in guide.bins:
        yield Part.BINS, each.id, "names", each.names
    for part, things in ((Part.LABELS, guide.labels), (Part.ITEMS, guide.items)):
        for thing in things:
            yield part, thing.id, "names", thing.names
            for rule in thing.rules:
                yield from ((part, thing.id, name, texts) for name, texts in parts_of(rule).items() if texts)
