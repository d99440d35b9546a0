"""Languages of the console: which one a visitor reads, and how it writes texts, dates and numbers.

Guarantees: a text without a translation is shown in English, never as a key. Catalogues are gettext `.po` files, one
for each part of the console, read as they are when the server starts: there is nothing to compile.
"""

import io
from dataclasses import dataclass
from datetime import UTC, date, datetime, tzinfo
from functools import cache
from pathlib import Path

from babel import Locale, dates, numbers
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.support import Translations

LANGUAGES = {"en": "English", "vi": "Tiếng Việt", "zh": "中文"}
"""Code to its own name. The first one is that of the sources."""
DEFAULT = "en"
_LOCALES = Path(__file__).parent / "locales"


@dataclass(frozen=True)
class Language:
    """Texts, dates and numbers as one visitor reads them."""

    code: str
    texts: Translations
    locale: Locale
    timezone: tzinfo = UTC

    def date(self, value: date | datetime) -> str:
        if isinstance(value, datetime):
            value = value.astimezone(self.timezone).date()
        return dates.format_date(value, format="medium", locale=self.locale)

    def moment(self, value: datetime) -> str:
        return dates.format_datetime(value, format="short", tzinfo=self.timezone, locale=self.locale)

    def ago(self, value: datetime, now: datetime) -> str:
        return dates.format_timedelta(value - now, add_direction=True, locale=self.locale)

    def number(self, value: float) -> str:
        return numbers.format_decimal(value, locale=self.locale)

    def percent(self, fraction: float, digits: int = 1) -> str:
        pattern = "#,##0" + ("." + "0" * digits if digits else "") + "%"
        return numbers.format_percent(fraction, format=pattern, locale=self.locale)


@cache
def language(code: str, timezone: tzinfo = UTC) -> Language:
    """Return the language of a code in `LANGUAGES`."""
    merged = Translations(domain="console")
    for file in sorted((_LOCALES / code).glob("*.po")):
        part = _catalogue(file)
        merged.merge(part)
        merged.plural = part.plural  # Merging leaves English plurals in place.
    return Language(code, merged, Locale.parse(code), timezone)


def choose(wished: str | None, accept_language: str) -> str:
    """Return the code that a visitor gets: the one chosen before, else the first that the browser asks for."""
    if wished in LANGUAGES:
        return str(wished)
    for asked in _by_preference(accept_language):
        code = asked.partition("-")[0].lower()
        if code in LANGUAGES:
            return code
    return DEFAULT


def _by_preference(header: str) -> list[str]:
    """Return the tags of an `Accept-Language`, best first (RFC 9110, 12.5.4); what is no weight counts nothing."""
    weighed: list[tuple[float, str]] = []
    for each in header.split(","):
        tag, _, weight = each.strip().partition(";q=")
        try:
            weighed.append((float(weight or 1), tag))
        except ValueError:
            continue
    return [tag for weight, tag in sorted(weighed, key=lambda pair: -pair[0]) if weight > 0]


def _catalogue(file: Path) -> Translations:
    compiled = io.BytesIO()
    with file.open("rb") as source:
        write_mo(compiled, read_po(source))
    compiled.seek(0)
    return Translations(compiled, domain="console")
