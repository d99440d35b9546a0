"""What the pages of guides call things, in the reader's language and, for the phone's screen, in the phone's.

Guarantees: nothing of a guide is translated here; a language without a name here is called by its code.
"""

import re
from functools import cache

from babel import Locale, UnknownLocaleError
from markupsafe import Markup

from backend.console import language, refusals
from backend.console.language import LANGUAGES, Language
from backend.console.pages import _
from backend.errors import DomainError
from backend.guides.guide_changes import Part
from mobile_models.guide import Symbol

PARTS = {Part.BINS: _("Bins"), Part.LABELS: _("Labels"), Part.ITEMS: _("Things")}
FIELDS = {
    "names": _("Names"),
    "colour": _("Colour"),
    "symbol": _("Symbol"),
    "bin": _("Bin"),
    "preparation": _("Preparation"),
    "drop_off": _("Drop-off"),
    "hazard": _("Hazard warning"),
    "valid_from": _("From"),
    "valid_until": _("Until"),
    "languages": _("Languages"),
    "label_set": _("Labels"),
}
SYMBOLS = {
    Symbol.PAPER: _("Sheet of paper"),
    Symbol.BOX: _("Box"),
    Symbol.BOTTLE: _("Bottle"),
    Symbol.CAN: _("Can"),
    Symbol.PACKAGING: _("Cup"),
    Symbol.FOOD: _("Apple"),
    Symbol.RESIDUAL: _("Dustbin"),
    Symbol.HAZARD: _("Warning sign"),
    Symbol.BATTERY: _("Battery"),
    Symbol.MEDICINE: _("Capsule"),
    Symbol.PLUG: _("Plug"),
    Symbol.SHIRT: _("Shirt"),
    Symbol.HOUSE: _("Drop-off place"),
    Symbol.RECYCLE: _("Recycling arrows"),
}
PROBLEMS = {
    "too_long": _("This is too long."),
    "empty": _("This is empty."),
    "no_name": _("Give a name in one language at least."),
    "too_many": _("These are too many."),
    "choose": _("Choose one."),
    "no_date": _("This is no date."),
    "ends_early": _("It ends before it begins."),
    "same_day": _("Two rules begin on the same day. Give one of them another first day."),
    "not_text": _("It contains characters that cannot be shown."),
}
PHONE = {
    "into": _("Goes into"),
    "preparation": _("Before you throw it away"),
    "drop_off": _("Where and when"),
    "hazard": _("Careful"),
    "nothing": _("The guide says nothing about this."),
    "search": _("What do you want to throw away?"),
}
ERRORS = {
    "edited_meanwhile": _("Somebody has changed this meanwhile. What you wrote is still here."),
    "guide_refused": _("This does not fit the rest of the guide. A bin that is in use cannot go, for example."),
    "guide_too_large": _("The guide is too large for phones: shorten texts or take things out."),
    "bad_city": _("The short name has small letters, digits and _ only, and begins with a letter."),
    "city_taken": _("This city has a guide already."),
    "reason_needed": _("Say why."),
    "published_already": _("This version is published already."),
    "labels_unanswered": _("Some labels have no rule yet: a photo of such a thing would get no answer."),
}
"""Code of an error to what is said."""


def said(reader: Language, error: DomainError) -> str:
    text = ERRORS.get(error.code)
    return reader.texts.gettext(text) if text else refusals.said(reader, error)


def language_name(reader: Language, code: str) -> str:
    """Return what a language is called in that of the reader."""
    try:
        return str(Locale.parse(code, sep="-").get_display_name(reader.locale) or code)
    except (UnknownLocaleError, ValueError):
        return code


def phone_words(reader: Language, code: str) -> dict[str, str]:
    """Return the words around the guide's own on a phone in the language `code`."""
    known = language.language(code) if code in LANGUAGES else reader
    return {name: known.texts.gettext(text) for name, text in PHONE.items()}


@cache
def drawing(symbol: Symbol) -> Markup:
    """Return the strokes of a symbol, to be put into an SVG of the page. The files are our own."""
    found = re.fullmatch(r"<svg[^>]*>(.*)</svg>\s*", symbol.file.read_text(), re.DOTALL)
    if found is None:
        raise ValueError(f"{symbol.file} is no drawing")
    return Markup(found[1])  # noqa: S704
