"""Forms whose fields a page makes up, one for each part of a recipe or of a guide."""

from typing import Annotated

from fastapi import Depends, Request
from pydantic import TypeAdapter, ValidationError

from backend.database import Text
from backend.errors import DomainError

_TEXTS = TypeAdapter(dict[str, Text])


async def _typed(request: Request) -> dict[str, str]:
    found = await request.form()
    given = {name: value for name, value in found.items() if isinstance(value, str)}
    try:
        return _TEXTS.validate_python(given)
    except ValidationError:
        raise DomainError("There are characters in it that cannot be kept.", code="bad_text") from None


Typed = Annotated[dict[str, str], Depends(_typed)]
"""All texts that were sent, by the name of their field."""
