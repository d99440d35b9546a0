"""Photos for the full phones: the pictures that the demonstration draws."""

import io

from cli.demo import pictures

_COUNT, _SEED = 48, 0


def photos() -> list[bytes]:
    """Return JPEG files."""
    return [_jpeg(picture) for picture in pictures.draw(_COUNT, _SEED)]


def _jpeg(picture: pictures.DrawnPicture) -> bytes:
    content = io.BytesIO()
    picture.image.save(content, "JPEG", quality=88)
    return content.getvalue()
