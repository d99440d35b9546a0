"""What went wrong in the data pages, in the language of the reader (`refusals` has the rest)."""

from collections.abc import Mapping

from backend.console import refusals
from backend.console.language import Language
from backend.console.pages import _
from backend.errors import DomainError

TEXTS: Mapping[str, str] = {
    "bad_region": _("Draw a region on the photo, at least 4 pixels wide and high."),
    "changed_meanwhile": _("The photo was changed a moment ago. Look at it again."),
    "withdrawn": _("This photo was withdrawn."),
    "not_shown": _("This photo is kept from everybody already."),
    "not_hidden": _("This photo is not hidden."),
    "no_device": _("This photo was imported: no device sent it."),
    "blocked_already": _("This device is blocked already."),
}


def said(language: Language, error: DomainError) -> str:
    text = TEXTS.get(error.code)
    return language.texts.gettext(text) if text else refusals.said(language, error)
