"""What went wrong, in the language of the reader.

Guarantees: an error without a text here is told in English as the domain says it, never as a bare code.
"""

from collections.abc import Mapping

from backend.console.language import Language
from backend.console.pages import _
from backend.errors import DomainError

TEXTS: Mapping[str, str] = {
    "wrong_password": _("Name and password do not fit."),
    "too_many_attempts": _("Too many attempts for this name. Wait 15 minutes."),
    "too_many": _("Too many attempts in a short time. Wait a minute."),
    "no_passwords": _("Here one signs in by passkey or single sign-on."),
    "wrong_code": _("This code does not fit, or it was used already."),
    "ticket_gone": _("This has been used already, or too much time has passed. Start again."),
    "disabled": _("This person may not sign in."),
    "passkey_refused": _("This passkey does not open anything here."),
    "bad_passkey": _("The passkey could not be set up. Try again."),
    "passkey_known": _("This passkey is known already."),
    "single_sign_on_failed": _("Single sign-on did not work. Start again."),
    "single_sign_on_unavailable": _("The city's sign-in does not answer. Try again in a while."),
    "no_role": _("Your account has no role here. Ask your administrator."),
    "sign_in_again": _("Sign out and in again first: this changes how you sign in."),
    "bad_password": _("A password has 12 to 200 characters."),
    "bad_name": _("This cannot be a name here."),
    "name_taken": _("Somebody has this name already."),
    "no_areas": _("Name at least one area, or choose everywhere."),
    "bad_areas": _("Too many areas, or one with too long a name."),
    "last_administrator": _("The last administrator has to stay one. Add another one first."),
    "role_needed": _("Your role does not allow this. Ask your administrator."),
    "factor_needed_by_role": _("Your role needs a second factor: it cannot be removed."),
    "cross_site": _("This form was sent by another site. Open the page here and send it again."),
    "stale_form": _("This form belongs to an earlier session. Load the page again."),
    "claimed": _("Somebody else is looking at this photo."),
    "not_claimed": _("You do not hold this photo any longer."),
    "opinion_changed": _("The opinion that was shown has changed. Look again."),
    "not_reviewable": _("This photo is not for review: it was withdrawn, or never offered."),
    "was_check": _("This one was a check: you have been told the answer."),
    "too_late_to_undo": _("Only your last 20 verdicts can be taken back."),
}
"""Code of an error to what is said."""


def said(language: Language, error: DomainError) -> str:
    text = TEXTS.get(error.code)
    return language.texts.gettext(text) if text else error.detail
