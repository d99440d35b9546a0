"""Finding a thing by its name: "coffee cup", "pin tieu" for "pin tiểu", 电池.

Guarantees: upper case, accents and marks of tone make no difference; scripts without spaces are found by any part of a
name; one slip of a finger in a word of four letters or more is forgiven, two in one of eight or more. A name in another
language of the guide is found, too, after those in the reader's. Equal guides answer equally: the better match first,
then the order of the guide.
"""

import re
import unicodedata
from datetime import date
from functools import lru_cache

from mobile_models.guide import Guide, GuideAnswer, GuideItem, GuideLabel, answer_about

LONGEST_QUESTION = 80
_SAME, _BEGINS, _WORDS_BEGIN, _CONTAINS, _SLIPS = range(5)
_LEAST_PART = 4
_FOREIGN = 0.5
"""Added for a name in another language than the reader's."""


def search(guide: Guide, words: str, language: str, day: date, limit: int = 8) -> tuple[GuideAnswer, ...]:
    """Return what `guide` says about the things that `words` may mean, the likeliest first."""
    asked = folded(words[:LONGEST_QUESTION])
    if not asked:
        return ()
    ranked = [(_rank(guide, thing, asked, language), thing) for thing in guide.things]
    best_first = sorted(((rank, thing) for rank, thing in ranked if rank is not None), key=lambda pair: pair[0])
    found = [thing for _, thing in best_first]
    answers = (answer_about(guide, thing, language, day) for thing in found)
    return tuple(each for each in answers if each is not None)[:limit]


@lru_cache(maxsize=20_000)  # All names of a large guide: people type letter by letter.
def folded(text: str) -> str:
    """Return `text` without case, accents and punctuation, with single spaces."""
    plain = unicodedata.normalize("NFKD", text.casefold().replace("đ", "d"))
    letters = "".join(sign for sign in plain if not unicodedata.combining(sign))
    return " ".join(re.findall(r"\w+", letters))


def _rank(guide: Guide, thing: GuideItem | GuideLabel, asked: str, language: str) -> float | None:
    """Return how far the best name of `thing` is from what was asked; None for too far."""
    own, *others = guide.fallbacks(language)
    ranks = [_match(asked, folded(name)) for name in thing.names_in(own)]
    ranks += [
        None if match is None else match + _FOREIGN
        for other in others
        for match in (_match(asked, folded(name)) for name in thing.names_in(other))
    ]
    return min((rank for rank in ranks if rank is not None), default=None)


def _match(asked: str, name: str) -> float | None:
    words, known = asked.split(), name.split()
    if asked == name:
        return _SAME
    if name.startswith(asked):
        return _BEGINS
    if all(any(each.startswith(word) for each in known) for word in words):
        return _WORDS_BEGIN
    if _is_part(asked, name):
        return _CONTAINS
    return _SLIPS if all(any(_is_slip(word, each) for each in known) for word in words) else None


def _is_part(asked: str, name: str) -> bool:
    """A sign of Chinese is a word; three Latin letters are in everything, such as a pin in shopping."""
    is_long_enough = len(asked) >= _LEAST_PART or not asked.isascii()
    return (is_long_enough and asked in name) or (not name.isascii() and name in asked)


def _is_slip(word: str, meant: str) -> bool:
    if word == meant:
        return True
    allowed = 2 if len(word) >= 8 else 1 if len(word) >= 4 else 0
    return allowed > 0 and abs(len(word) - len(meant)) <= allowed and _distance(word, meant) <= allowed


def _distance(one: str, other: str) -> int:
    """Letters to insert, delete, replace or swap with their neighbour (optimal string alignment)."""
    before: list[int] = []
    row = list(range(len(other) + 1))
    for place, letter in enumerate(one, 1):
        before, last, row = row, before, [place]
        for column, wanted in enumerate(other, 1):
            best = min(before[column] + 1, row[-1] + 1, before[column - 1] + (letter != wanted))
            if last and column > 1 and letter == other[column - 2] and one[place - 2] == wanted:
                best = min(best, last[column - 2] + 1)
            row.append(best)
    return row[-1]
