import io
import struct
import zlib
from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageCms

from mobile_models import photo as photos
from mobile_models.photo import PhotoError, PhotoErrorCode, PhotoLimits
from tests import pictures

XMP_TURNED = (
    b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
    b'<rdf:Description xmlns:tiff="http://ns.adobe.com/tiff/1.0/" tiff:Orientation="6"/></rdf:RDF></x:xmpmeta>'
)


def refusal(content: bytes, limits: PhotoLimits | None = None) -> PhotoErrorCode:
    with pytest.raises(PhotoError) as caught:
        photos.decode(content, limits=limits)
    return caught.value.code


def quadrants(size: tuple[int, int] = (80, 120)) -> Image.Image:
    """Red above left, green above right, blue below left, white below right."""
    picture = Image.new("RGB", size, "white")
    half = (size[0] // 2, size[1] // 2)
    picture.paste((220, 20, 20), (0, 0, *half))
    picture.paste((20, 200, 20), (half[0], 0, size[0], half[1]))
    picture.paste((20, 20, 220), (0, half[1], half[0], size[1]))
    return picture


def is_close(image: Image.Image, expected: Image.Image, by: float = 12) -> bool:
    if image.size != expected.size:
        return False
    difference = np.abs(np.asarray(image, dtype=int) - np.asarray(expected, dtype=int))
    return bool(np.median(difference) <= by and difference.mean() <= by)


def turned(orientation: int) -> Image.Image:
    """`quadrants` as a camera held otherwise stores it, so that showing it upright needs `orientation`."""
    stored_as = {
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_90,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }
    return quadrants().transpose(stored_as[orientation])


def oriented(orientation: int) -> Image.Exif:
    exif = Image.Exif()
    exif[0x0112] = orientation
    return exif


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
@pytest.mark.parametrize("orientation", range(2, 9))
def test_a_turned_photo_is_read_upright(kind: str, orientation: int) -> None:
    content = pictures.save(turned(orientation), kind, exif=oriented(orientation))
    assert is_close(photos.decode(content), quadrants())


@pytest.mark.parametrize("kind", ["JPEG", "WEBP"])
def test_an_orientation_that_only_xmp_tells_is_obeyed(kind: str) -> None:
    assert is_close(photos.decode(pictures.save(turned(6), kind, xmp=XMP_TURNED)), quadrants())


@pytest.mark.filterwarnings("ignore:Corrupt EXIF data")
def test_damaged_exif_does_not_cost_the_photo() -> None:
    content = pictures.save(quadrants(), "JPEG", exif=b"Exif\x00\x00II*\x00\x08\x00\x00\x00\xff")
    assert is_close(photos.decode(content), quadrants())


def test_16_bit_grey_keeps_its_brightness() -> None:
    ramp = np.linspace(0, 65535, 64 * 48).astype(np.uint16).reshape(48, 64)
    image = photos.decode(pictures.save(Image.fromarray(ramp), "PNG"))
    assert image.mode == "RGB"
    np.testing.assert_array_equal(np.asarray(image)[..., 0], (ramp >> 8).astype(np.uint8))


def test_16_bit_colour_keeps_its_colours() -> None:
    pixels = np.zeros((4, 4, 3), dtype=">u2")
    pixels[...] = (60000, 30000, 1000)
    rows = b"".join(b"\x00" + row.tobytes() for row in pixels)
    header = struct.pack(">IIBBBBB", 4, 4, 16, 2, 0, 0, 0)
    content = b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", header) + _chunk(b"IDAT", zlib.compress(rows)) + _chunk(b"IEND")
    assert np.abs(np.asarray(photos.decode(content), dtype=int)[0, 0] - (234, 117, 3)).max() <= 1


def _chunk(kind: bytes, content: bytes = b"") -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def test_cmyk_becomes_the_same_picture_in_rgb() -> None:
    content = pictures.save(quadrants().convert("CMYK"), "JPEG", quality=95)
    assert is_close(photos.decode(content), quadrants(), by=15)


def test_transparent_pixels_become_white() -> None:
    picture = Image.new("RGBA", (8, 8), (255, 0, 0, 0))
    assert photos.decode(pictures.save(picture, "PNG")).getpixel((3, 3)) == (255, 255, 255)


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA"])
def test_each_mode_of_png_becomes_rgb(mode: str) -> None:
    image = photos.decode(pictures.save(quadrants().convert(mode), "PNG"))
    assert (image.mode, image.size) == ("RGB", (80, 120))


def test_a_wide_gamut_profile_is_converted_to_srgb() -> None:
    lab = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB"))
    same = pictures.save(quadrants(), "PNG", icc_profile=lab.tobytes())
    assert is_close(photos.decode(same), quadrants(), by=2)
    swapped = pictures.save(quadrants(), "PNG", icc_profile=_swap_red_and_blue(lab.tobytes()))
    red, green, blue = photos.decode(swapped).getpixel((5, 5))  # type: ignore[misc]
    assert blue > 150 > red > green - 60


def _swap_red_and_blue(profile: bytes) -> bytes:
    """Exchange the names of the two colorant tags: what was red in the file is now shown blue."""
    return profile.replace(b"rXYZ", b"?XYZ").replace(b"bXYZ", b"rXYZ").replace(b"?XYZ", b"bXYZ")


def test_a_broken_profile_counts_as_srgb() -> None:
    content = pictures.save(quadrants(), "JPEG", icc_profile=b"no profile at all" * 20)
    assert is_close(photos.decode(content), quadrants())


def test_of_an_mpo_the_first_frame_is_taken() -> None:
    other = Image.new("RGB", (80, 120), "black")
    content = pictures.save(quadrants(), "MPO", save_all=True, append_images=[other])
    assert is_close(photos.decode(content), quadrants())
    assert is_close(photos.decode(content, longest_edge=60), quadrants((40, 60)))


def test_a_longest_edge_shrinks_before_turning() -> None:
    content = pictures.jpeg("glass", size=(800, 400), exif=oriented(6))
    assert photos.decode(content, longest_edge=200).size == (100, 200)
    assert photos.decode(content, longest_edge=2000).size == (400, 800)


@pytest.mark.parametrize("kind", ["PNG", "WEBP", "GIF"])
def test_a_moving_picture_is_refused(kind: str) -> None:
    frames = [pictures.draw("metal", seed) for seed in range(3)]
    content = pictures.save(frames[0], kind, save_all=True, append_images=frames[1:])
    expected = PhotoErrorCode.UNSUPPORTED_FORMAT if kind == "GIF" else PhotoErrorCode.ANIMATED
    assert refusal(content) == expected


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
@pytest.mark.parametrize("fraction", [0.3, 0.6, 0.95])
def test_a_cut_photo_is_refused(kind: str, fraction: float) -> None:
    content = pictures.save(pictures.draw("paper", size=(300, 200)), kind)
    assert refusal(content[: int(len(content) * fraction)]) in (PhotoErrorCode.TRUNCATED, PhotoErrorCode.MALFORMED)


def test_too_many_bytes_are_refused_unread() -> None:
    content = pictures.jpeg()
    assert refusal(content, PhotoLimits(max_bytes=len(content) - 1)) == PhotoErrorCode.TOO_MANY_BYTES
    assert photos.decode(content, limits=PhotoLimits(max_bytes=len(content))).size == (96, 128)


@pytest.mark.parametrize("edge", [8_000, 11_000, 60_000])
def test_too_many_pixels_are_refused_from_the_header(edge: int) -> None:
    """Between one and two times Pillow's own limit it would only warn: 11,000 squared is there."""
    header = struct.pack(">IIBBBBB", edge, edge, 8, 2, 0, 0, 0)
    content = b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", header) + _chunk(b"IDAT", zlib.compress(b"")) + _chunk(b"IEND")
    assert refusal(content) == PhotoErrorCode.TOO_MANY_PIXELS


def test_a_jpeg_of_very_many_scans_is_refused() -> None:
    content = pictures.save(quadrants(), "JPEG", progressive=True)
    assert is_close(photos.decode(content), quadrants())
    start = content.index(b"\xff\xda")
    end = content.index(b"\xff", start + 14)
    while content[end + 1] == 0:
        end = content.index(b"\xff", end + 2)
    bomb = content[:end] + content[start:end] * 150 + content[end:]
    assert refusal(bomb) == PhotoErrorCode.TOO_MANY_SCANS


def test_bytes_that_look_like_scans_inside_metadata_are_not_counted() -> None:
    content = pictures.save(quadrants(), "JPEG", comment=b"\xff\xda" * 500)
    assert is_close(photos.decode(content), quadrants())


def test_what_is_no_photo_is_an_unsupported_format() -> None:
    assert refusal(b"") == PhotoErrorCode.UNSUPPORTED_FORMAT
    assert refusal(b"%PDF-1.7 hello") == PhotoErrorCode.UNSUPPORTED_FORMAT
    assert refusal(pictures.save(quadrants(), "BMP")) == PhotoErrorCode.UNSUPPORTED_FORMAT
    assert refusal(b"\xff\xd8\xff" + b"\x00" * 100) == PhotoErrorCode.MALFORMED


@pytest.mark.skipif(photos.HEIC_AVAILABLE, reason="the optional extra is installed")
def test_heic_without_the_extra_is_named_as_such() -> None:
    assert refusal(b"\x00\x00\x00\x18ftypheic" + b"\x00" * 200) == PhotoErrorCode.HEIC_UNAVAILABLE


@settings(max_examples=300, deadline=None)
@given(seed=st.integers(0, 5), kind=st.sampled_from(["JPEG", "PNG", "WEBP"]), changes=st.data())
def test_damaged_bytes_are_a_photo_or_a_typed_refusal(seed: int, kind: str, changes: st.DataObject) -> None:
    content = bytearray(pictures.save(pictures.draw("trash", seed, (40, 30)), kind))
    for _ in range(changes.draw(st.integers(1, 6))):
        content[changes.draw(st.integers(0, len(content) - 1))] = changes.draw(st.integers(0, 255))
    try:
        image = photos.decode(bytes(content), limits=PhotoLimits(max_pixels=1_000_000))
    except PhotoError as error:
        assert error.code in PhotoErrorCode
    else:
        assert image.mode == "RGB"


def segments(content: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield each marker of a JPEG before its compressed data, with its content."""
    assert content[:2] == b"\xff\xd8"
    position = 2
    while content[position + 1] != 0xDA:
        assert content[position] == 0xFF
        length = int.from_bytes(content[position + 2 : position + 4], "big")
        yield content[position + 1], content[position + 4 : position + 2 + length]
        position += 2 + length


def test_no_byte_of_metadata_survives() -> None:
    exif = Image.Exif()
    exif[0x010E] = "SECRET description"
    exif.get_ifd(0x8825)[1] = "N"
    exif.get_ifd(0x8825)[2] = (48.0, 51.0, 29.6)
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    hidden = {"comment": b"SECRET comment", "xmp": XMP_TURNED + b"SECRET", "icc_profile": profile, "dpi": (301, 301)}
    sent = pictures.jpeg("plastic", exif=exif, **hidden)
    assert sent.count(b"SECRET") == 3
    stored = photos.encode(photos.decode(sent))
    found = dict(segments(stored))
    assert set(found) <= {0xE0, 0xDB, 0xC0, 0xC4}, "only JFIF, quantisation, frame and Huffman segments"
    assert found[0xE0] == b"JFIF\x00\x01\x01\x00\x00\x01\x00\x01\x00\x00", "no density and no thumbnail"
    assert stored.endswith(b"\xff\xd9")
    assert stored.count(b"\xff\xd9") == 1, "nothing follows the picture"
    assert b"SECRET" not in stored


def test_encoding_leaves_the_image_and_its_colours_alone() -> None:
    image = photos.decode(pictures.jpeg("glass"))
    image.info["comment"] = b"kept by the caller"
    again = Image.open(io.BytesIO(photos.encode(image)))
    assert is_close(again, image, by=4)
    assert image.info == {"comment": b"kept by the caller"}
