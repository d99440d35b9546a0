"""Photos: from the bytes that somebody sent to an upright sRGB picture, and back to bytes without metadata.

Guarantees: `decode` returns an upright RGB image within the limits or raises `PhotoError`, whatever the bytes are;
sizes are checked from the header before anything is decoded. `encode` writes a JPEG that carries nothing but the
picture: no EXIF, GPS, XMP, ICC profile, thumbnail or comment.
"""

import io
import re
import struct
import warnings
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from PIL import Image, ImageCms, UnidentifiedImageError

try:
    import pillow_heif
except ImportError:  # The optional extra `heic`.
    HEIC_AVAILABLE = False
else:
    pillow_heif.register_heif_opener()
    HEIC_AVAILABLE = True

# Pillow only warns between one and two times its own limit. Nobody reads the warning of a server.
warnings.filterwarnings("error", category=Image.DecompressionBombWarning)

_FORMATS = ("JPEG", "PNG", "WEBP", *(("HEIF",) if HEIC_AVAILABLE else ()))
_HEIC_BRANDS = frozenset({b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"})
_SIGNATURES = re.compile(rb"\xff\xd8\xff|\x89PNG\r\n\x1a\n|RIFF....WEBP", re.DOTALL)
_SCAN_END = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")
"""A JPEG marker other than stuffing and restart markers ends the compressed data of a scan."""

_START_OF_SCAN, _END_OF_IMAGE = 0xDA, 0xD9
_STANDALONE_MARKERS = frozenset({0x01, *range(0xD0, 0xD9)})
_SRGB = ImageCms.createProfile("sRGB")
_PROFILE_MODES = {"RGB ": "RGB", "GRAY": "L", "CMYK": "CMYK"}
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_WHITE = (255, 255, 255)


class PhotoErrorCode(StrEnum):
    UNSUPPORTED_FORMAT = "unsupported_format"
    HEIC_UNAVAILABLE = "heic_unavailable"
    TOO_MANY_BYTES = "too_many_bytes"
    TOO_MANY_PIXELS = "too_many_pixels"
    TOO_MANY_SCANS = "too_many_scans"
    TOO_COSTLY = "too_costly"
    ANIMATED = "animated"
    TRUNCATED = "truncated"
    MALFORMED = "malformed"


class PhotoError(Exception):
    """The bytes are not a photo that can be taken; `message` tells the sender what to do."""

    def __init__(self, code: PhotoErrorCode, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


@dataclass(frozen=True)
class PhotoLimits:
    max_bytes: int = 12 * 1024 * 1024
    max_pixels: int = 50_000_000
    max_scans: int = 100
    """Of a progressive JPEG. Cameras write about ten; 63 thousand in 900 kB cost 14 seconds of CPU."""


def decode(content: bytes, *, limits: PhotoLimits | None = None, longest_edge: int | None = None) -> Image.Image:
    """Return the upright RGB photo in sRGB; with `longest_edge`, shrunk so that no edge is longer (in pixels).

    JPEG (also the first frame of MPO and Ultra HDR), PNG and WebP are read, and HEIC where the extra is installed.
    Transparent pixels become white. A colour profile that cannot be applied counts as sRGB, as in browsers.
    """
    _check_bytes(content, limits := limits or PhotoLimits())
    try:
        with Image.open(io.BytesIO(content), formats=_FORMATS) as image:
            _check_header(image, limits)
            return _read(image, longest_edge)
    except PhotoError:
        raise
    except Exception as error:  # Pillow raises nearly every type there is on odd files.
        raise _explain(error, content) from error


def encode(image: Image.Image, quality: int = 90) -> bytes:
    """Return a baseline JPEG of an RGB `image` with no segment but those that the picture needs."""
    bare = image.copy()
    bare.info = {}
    written = io.BytesIO()
    bare.save(written, "JPEG", quality=quality, subsampling="4:2:0")
    return written.getvalue()


def _check_bytes(content: bytes, limits: PhotoLimits) -> None:
    if len(content) > limits.max_bytes:
        message = f"The photo has {len(content)} bytes; send at most {limits.max_bytes}."
        raise PhotoError(PhotoErrorCode.TOO_MANY_BYTES, message)
    if content[4:8] == b"ftyp" and content[8:12] in _HEIC_BRANDS and not HEIC_AVAILABLE:
        message = "HEIC is not installed on this server (optional extra 'heic'). Send JPEG, PNG or WebP."
        raise PhotoError(PhotoErrorCode.HEIC_UNAVAILABLE, message)
    if content.startswith(b"\xff\xd8") and _has_more_scans(content, limits.max_scans):
        message = f"The JPEG has more than {limits.max_scans} progressive scans. Save it again as a plain JPEG."
        raise PhotoError(PhotoErrorCode.TOO_MANY_SCANS, message)


def _has_more_scans(content: bytes, limit: int) -> bool:
    """Walk the segments of the first image of a JPEG (ITU T.81, annex B) without decoding it."""
    position, scans = 2, 0
    while position + 4 <= len(content):
        if content[position] != 0xFF:
            return False  # Not a segment: the decoder will say what is wrong.
        marker = content[position + 1]
        if marker == 0xFF:
            position += 1
        elif marker == _END_OF_IMAGE:
            return False
        elif marker in _STANDALONE_MARKERS:
            position += 2
        else:
            position += 2 + int.from_bytes(content[position + 2 : position + 4], "big")
            if marker == _START_OF_SCAN:
                scans += 1
                end = _SCAN_END.search(content, position)
                if scans > limit or end is None:
                    return scans > limit
                position = end.start()
    return False


def _check_header(image: Image.Image, limits: PhotoLimits) -> None:
    if image.width * image.height > limits.max_pixels:
        message = f"The photo is {image.width} x {image.height}; send at most {limits.max_pixels} pixels."
        raise PhotoError(PhotoErrorCode.TOO_MANY_PIXELS, message)
    if image.format != "MPO" and getattr(image, "is_animated", False):
        raise PhotoError(PhotoErrorCode.ANIMATED, "The picture moves. Send a photo.")


def _read(image: Image.Image, longest_edge: int | None) -> Image.Image:
    orientation = _orientation(image)
    if longest_edge is not None:
        image.draft(None, (longest_edge, longest_edge))  # None keeps the mode.
    image.load()
    profile = image.info.get("icc_profile")
    flat = _flatten(image)
    if longest_edge is not None and max(flat.size) > longest_edge:
        flat.thumbnail((longest_edge, longest_edge))
    return _turn(_to_srgb(flat, profile), orientation)


def _flatten(image: Image.Image) -> Image.Image:
    """Return an image of its own in mode L, RGB or CMYK."""
    if image.mode.startswith("I"):  # 16-bit grey; `convert` would clip it to white.
        return Image.fromarray((np.asarray(image) >> 8).astype(np.uint8))
    if image.has_transparency_data:
        visible = image.convert("RGBA")
        flat = Image.new("RGB", visible.size, _WHITE)
        flat.paste(visible, mask=visible.getchannel("A"))
        return flat
    return image.copy() if image.mode in ("L", "RGB", "CMYK") else image.convert("RGB")


def _to_srgb(image: Image.Image, profile: bytes | None) -> Image.Image:
    if profile:
        try:
            source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
            mode = _PROFILE_MODES.get(source.profile.xcolor_space)
            if mode == "RGB" and image.mode == "L":
                image = image.convert("RGB")
            if mode == image.mode:
                converted = ImageCms.profileToProfile(image, source, _SRGB, outputMode="RGB")
                if converted is not None:
                    return converted
        except (OSError, ImageCms.PyCMSError):  # A broken profile: the pixels count as sRGB.
            pass
    return image.convert("RGB")


def _orientation(image: Image.Image) -> int:
    """Return the EXIF orientation, which Pillow also finds where only XMP has it; damaged EXIF counts as upright."""
    try:
        return int(image.getexif().get(0x0112, 1))
    except (SyntaxError, ValueError, TypeError, struct.error):
        return 1


def _turn(image: Image.Image, orientation: int) -> Image.Image:
    method = _TURNS.get(orientation)
    upright = image if method is None else image.transpose(method)
    upright.info = {}
    return upright


def _explain(error: Exception, content: bytes) -> PhotoError:
    if isinstance(error, Image.DecompressionBombWarning | Image.DecompressionBombError):
        return PhotoError(PhotoErrorCode.TOO_MANY_PIXELS, "The photo has too many pixels. Send a smaller one.")
    if isinstance(error, MemoryError):
        return PhotoError(PhotoErrorCode.TOO_COSTLY, "Reading the photo takes too much memory. Send a smaller one.")
    if isinstance(error, UnidentifiedImageError) and not _SIGNATURES.match(content):
        return PhotoError(PhotoErrorCode.UNSUPPORTED_FORMAT, "This is no JPEG, PNG or WebP photo.")
    if "truncated" in str(error).lower():
        return PhotoError(PhotoErrorCode.TRUNCATED, "The photo ends too early. Send it again.")
    return PhotoError(PhotoErrorCode.MALFORMED, "The photo is damaged and cannot be read.")
