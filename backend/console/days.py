"""Days as forms ask for them: those of the city, not of the server or of UTC."""

from datetime import date, datetime, time, timedelta
from typing import Annotated, Literal

from pydantic import Field

from backend.console.language import Language

Day = Annotated[date, Field(ge=date(2000, 1, 1), le=date(2999, 12, 31))] | Literal[""]
"""Of a field that may be left empty. Further days have moments that no database keeps."""


def today(language: Language) -> date:
    return datetime.now(language.timezone).date()


def beginning(language: Language, day: date | Literal[""]) -> datetime | None:
    """Return the first moment of a day; None where no day was given."""
    return datetime.combine(day, time(), language.timezone) if day else None


def end(language: Language, day: date | Literal[""]) -> datetime | None:
    """Return the first moment after a day; None where no day was given."""
    return beginning(language, day + timedelta(days=1)) if day else None
