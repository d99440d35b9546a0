"""Rendering: a template and what it shows, to an answer.

Guarantees: everything is escaped unless it was made by a template; an unknown name in a template is an error and not
an empty place. Every answer carries the headers of `safety`.
"""

from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.responses import HTMLResponse, RedirectResponse, Response

from backend.console import safety, static_files
from backend.console.language import LANGUAGES, Language
from backend.console.visitor import SAID, THEMES, Reader, Visitor
from backend.database import now
from backend.people.permissions import Permission
from backend.settings import Settings

_TEMPLATES = Path(__file__).parent / "templates"


def _(text: str) -> str:
    """Marks a text for the catalogues; the templates translate it."""
    return text


NAVIGATION = (
    ("review", "/console/review", _("Review"), Permission.REVIEW),
    ("data", "/console/data", _("Data"), Permission.SEE_DATA),
    ("guidance", "/console/guidance", _("Guidance"), Permission.GUIDE),
    ("models", "/console/models", _("Models"), Permission.MODELS),
    ("people", "/console/people", _("People"), Permission.STAFF),
    ("audit", "/console/audit", _("History"), Permission.AUDIT),
)
"""Section, address and text of what stands at the top of each page, and what one must be allowed to see it."""


def render(template: str, reader: Reader, settings: Settings, *, status: int = 200, **shown: Any) -> HTMLResponse:
    """Return the page. Templates see `shown`, and `visitor` (none before signing in), `language`, `theme`, `address`,
    `csrf`."""
    found = _environment(reader.language).get_template(template)
    visitor = reader if isinstance(reader, Visitor) else None
    content = found.render(
        visitor=visitor,
        navigation=[each[:3] for each in NAVIGATION if visitor and visitor.may(each[3])],
        language=reader.language,
        theme=reader.theme,
        said=reader.said,
        address=reader.address,
        csrf=visitor.csrf if visitor else "",
        languages=LANGUAGES,
        themes=THEMES,
        **shown,
    )
    answer = HTMLResponse(content, status, headers=safety.headers(settings.map_tile_hosts))
    if reader.said:
        answer.delete_cookie(SAID, path="/console", httponly=True, samesite="lax")
    return answer


def redirect(location: str, *, said: str = "") -> Response:
    """Send the visitor to a page of ours after a form (303); `said` is shown there once."""
    answer = RedirectResponse(location, 303, headers=safety.headers())
    if said:
        answer.set_cookie(SAID, said.encode().hex(), max_age=60, path="/console", httponly=True, samesite="lax")
    return answer


def here(path: str) -> str:
    """Return `path` if it leads into the console, else the console's first page: nobody is sent elsewhere."""
    inside = path == "/console" or path.startswith(("/console/", "/console?"))
    leads_out = any(sign in unquote(path.partition("?")[0]) for sign in ("\\", "//", "/.."))
    return path if inside and not leads_out else "/console"


@cache
def _environment(language: Language) -> Environment:
    environment = Environment(
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        extensions=["jinja2.ext.i18n"],
    )
    environment.install_gettext_translations(language.texts, newstyle=True)  # type: ignore[attr-defined]
    environment.filters |= {
        "date": language.date,
        "moment": language.moment,
        "ago": lambda value: language.ago(value, now()),
        "number": language.number,
        "percent": language.percent,
        "isoformat": datetime.isoformat,
    }
    environment.globals |= {"static": static_files.address}
    return environment
