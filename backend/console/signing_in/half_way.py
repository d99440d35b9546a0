"""What a browser keeps between the first step of signing in and the last.

Guarantees: these cookies are sent to the sign-in pages alone, are out of reach of scripts, and last for minutes. None
of them opens anything by itself.
"""

from fastapi import Response

from backend.console.visitor import SIGN_IN, is_secure
from backend.people.sign_ins import SECOND_STEP_LASTS
from backend.people.single_sign_on import LASTS_SECONDS
from backend.settings import Settings

SECOND_STEP = f"{SIGN_IN}/second"
STEP_COOKIE, AWAY_COOKIE = "wastelens_step", "wastelens_away"


def remember(answer: Response, settings: Settings, ticket: str) -> None:
    """The ticket for the second step."""
    _set(answer, settings, STEP_COOKIE, ticket, int(SECOND_STEP_LASTS.total_seconds()))


def remember_away(answer: Response, settings: Settings, sealed: str) -> None:
    """What has to be known when the browser comes back from single sign-on."""
    _set(answer, settings, AWAY_COOKIE, sealed, LASTS_SECONDS)


def forget(answer: Response, settings: Settings) -> None:
    for name in (STEP_COOKIE, AWAY_COOKIE):
        answer.delete_cookie(name, path=SIGN_IN, secure=is_secure(settings), httponly=True, samesite="lax")


def _set(answer: Response, settings: Settings, name: str, content: str, seconds: int) -> None:
    answer.set_cookie(
        name, content, max_age=seconds, path=SIGN_IN, secure=is_secure(settings), httponly=True, samesite="lax"
    )
