"""Every text of the console in every language."""

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
from babel.messages.catalog import Message
from babel.messages.extract import DEFAULT_KEYWORDS, extract_from_dir
from babel.messages.pofile import read_po

from backend.console import language

CONSOLE = Path("backend/console")
TRANSLATED = [code for code in language.LANGUAGES if code != language.DEFAULT]
HOW_TO_READ = [("**.py", "python"), ("**.html", "jinja2")]


@cache
def texts() -> frozenset[str]:
    """Return all texts of templates and sources; of one with a plural, the singular."""
    found = extract_from_dir(CONSOLE, HOW_TO_READ, keywords=DEFAULT_KEYWORDS, strip_comment_tags=True)
    return frozenset(each[2] if isinstance(each[2], str) else each[2][0] for each in found)


def messages(code: str) -> Iterator[tuple[str, Message]]:
    for file in sorted((CONSOLE / "locales" / code).glob("*.po")):
        with file.open("rb") as source:
            yield from ((file.name, message) for message in read_po(source) if message.id)


def both(given: str | tuple[str, ...] | list[str]) -> tuple[str, ...]:
    return (given,) if isinstance(given, str) else tuple(given)


@pytest.mark.parametrize("code", TRANSLATED)
def test_every_text_is_translated_once_and_nothing_else(code: str) -> None:
    translated = [both(message.id)[0] for _, message in messages(code) if all(both(message.string))]
    assert len(translated) == len(set(translated))
    assert sorted(texts() - set(translated)) == [], "not translated"
    assert sorted(set(translated) - texts()) == [], "no longer in use"


@pytest.mark.parametrize("code", TRANSLATED)
def test_no_translation_forgets_or_invents_a_placeholder(code: str) -> None:
    for file, message in messages(code):
        wanted = set(re.findall(r"%\(\w+\)s", both(message.id)[-1]))
        for translation in both(message.string):
            assert set(re.findall(r"%\(\w+\)s", translation)) == wanted, (file, message.id)


@pytest.mark.parametrize(
    ("wished", "header", "chosen"),
    [
        ("vi", "zh", "vi"),
        (None, "zh-CN,zh;q=0.9,en;q=0.8", "zh"),
        (None, "fr, vi;q=0.4, en;q=0.5", "en"),
        (None, "en;q=nonsense, vi", "vi"),
        ("xx", "", "en"),
    ],
)
def test_the_language_is_the_chosen_one_else_the_best_of_the_browser(
    wished: str | None, header: str, chosen: str
) -> None:
    assert language.choose(wished, header) == chosen


@pytest.mark.parametrize("code", TRANSLATED)
@pytest.mark.parametrize("number", [0, 1, 2, 5])
def test_every_number_has_its_translated_plural(code: str, number: int) -> None:
    texts_of = language.language(code).texts
    for _, message in messages(code):
        if isinstance(message.id, tuple | list):
            assert texts_of.ngettext(*message.id[:2], number) in both(message.string)
