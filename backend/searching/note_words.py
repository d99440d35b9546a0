"""The words of notes, by which photos are found.

Guarantees: any database finds them by an index of its own, without an extension. Accents, case and width do not
matter (Vietnamese without its marks finds Vietnamese with them); of scripts without spaces each two neighbouring
characters are a word. A photo is found if it has every word that is asked for; the last one may be cut short.
"""

import re
import unicodedata
from collections.abc import Iterable

from sqlalchemy import ColumnElement, and_, delete, true
from sqlmodel import Session, col, select

from backend.tables import NoteWord, Photo, PhotoId

LONGEST = 64
_MOST_WORDS = 8
"""Of a question; further ones are not looked for."""
_AFTER_EVERYTHING = "\U0010ffff"
_UNSPACED = "\u2e80-\u9fff\uac00-\ud7af\uf900-\ufaff"
_RUNS = re.compile(rf"[{_UNSPACED}]+|[^\W{_UNSPACED}]+")
_IS_UNSPACED = re.compile(f"[{_UNSPACED}]")


def words(text: str) -> list[str]:
    """Return the words of `text` as they are kept, in order, each once."""
    found: dict[str, None] = {}
    for run in _RUNS.findall(_folded(text)):
        for word in _pairs(run) if _IS_UNSPACED.match(run) else [run]:
            found[word[:LONGEST]] = None
    return list(found)


def remember(session: Session, photo_id: PhotoId, text: str) -> None:
    """Let the photo be found by the words of `text`, too."""
    wanted = words(text)
    there = select(NoteWord.word).where(NoteWord.photo_id == photo_id, col(NoteWord.word).in_(wanted))
    known = set(session.exec(there).all())
    session.add_all(NoteWord(word=word, photo_id=photo_id) for word in wanted if word not in known)
    session.flush()


def forget(session: Session, photo_id: PhotoId) -> None:
    session.connection().execute(delete(NoteWord).where(col(NoteWord.photo_id) == photo_id))


def has_words(asked: str) -> ColumnElement[bool]:
    """Whether the notes on a `Photo` have every word of `asked`, the last one as a beginning."""
    wanted = words(asked)[:_MOST_WORDS]
    if not wanted:
        return true()
    *whole, beginning = wanted
    exact = [col(NoteWord.word) == word for word in whole]
    begun = and_(col(NoteWord.word) >= beginning, col(NoteWord.word) < beginning + _AFTER_EVERYTHING)
    return and_(*(col(Photo.id).in_(select(NoteWord.photo_id).where(each)) for each in (*exact, begun)))


def _folded(text: str) -> str:
    """Compatibility decomposition without marks (Unicode Standard Annex 15); đ has no mark and is d to readers."""
    bare = unicodedata.normalize("NFKD", text.casefold())
    return "".join(each for each in bare if not unicodedata.combining(each)).replace("đ", "d")


def _pairs(run: str) -> Iterable[str]:
    return [run] if len(run) == 1 else (run[start : start + 2] for start in range(len(run) - 1))
