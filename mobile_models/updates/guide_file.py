"""A city's guide among the signed files: where it lies, and what phones take for one."""

from pydantic import ValidationError

from mobile_models.guide import SIZE_LIMIT_BYTES, Guide

FOLDER = "guides/"


def target_path(city: str) -> str:
    return f"{FOLDER}{city}.json"


def check(city: str, content: bytes) -> Guide:
    """Return the guide; raise `ValueError` unless it is one of this city that phones take."""
    if len(content) > SIZE_LIMIT_BYTES:
        raise ValueError(f"a guide may have {SIZE_LIMIT_BYTES} bytes, and this one has {len(content)}")
    try:
        guide = Guide.model_validate_json(content)
    except ValidationError as error:
        raise ValueError(f"it cannot be read: {error}") from error
    if guide.city != city:
        raise ValueError(f"it is the guide of {guide.city}")
    return guide
