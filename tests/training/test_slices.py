"""Slices of pictures whose light, blur and size were drawn."""

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from training.reporting import slices
from training.reporting.slices import Slice

EDGE = 64


def board_with_thing(share: float, light: float = 1.0) -> NDArray[np.uint8]:
    """A dark square that covers `share` of a white board."""
    picture = np.full((EDGE, EDGE, 3), 225, dtype=np.float64)
    half = round(EDGE * share**0.5 / 2)
    picture[EDGE // 2 - half : EDGE // 2 + half, EDGE // 2 - half : EDGE // 2 + half] = (60, 90, 160)
    return (picture * light).astype(np.uint8)


def test_brightness_is_the_mean_luma() -> None:
    assert slices.brightness(np.full((8, 8, 3), 100, dtype=np.uint8)) == pytest.approx(100, abs=0.1)
    green, blue = np.zeros((8, 8, 3), dtype=np.uint8), np.zeros((8, 8, 3), dtype=np.uint8)
    green[..., 1] = blue[..., 2] = 255
    assert slices.brightness(green) > 4 * slices.brightness(blue)


def test_a_blurred_photo_is_less_sharp() -> None:
    noise = np.random.default_rng(1).integers(0, 256, (EDGE, EDGE, 3), dtype=np.uint8)
    blurred = np.asarray(Image.fromarray(noise).filter(ImageFilter.GaussianBlur(2)))
    assert slices.sharpness(blurred) < slices.sharpness(noise) / 10


def test_the_size_of_the_thing_is_what_hides_the_board() -> None:
    assert slices.object_share(board_with_thing(0.25)) == pytest.approx(25, abs=8)
    assert slices.object_share(board_with_thing(0.5)) > slices.object_share(board_with_thing(0.15))


def test_without_a_board_no_size_is_guessed() -> None:
    street = np.random.default_rng(2).integers(0, 256, (EDGE, EDGE, 3), dtype=np.uint8)
    assert np.isnan(slices.object_share(street))
    found = {each.name: each for each in slices.of_photos(np.stack([street] * 3), np.ones(3, dtype=np.bool_))}
    assert found["unknown"].photos == 3
    assert found["unknown"].bounds == "no plain background found"


def test_thirds_count_every_photo_once_and_dark_ones_show_their_errors() -> None:
    lights = np.linspace(0.55, 1, 30)
    pixels = np.stack([board_with_thing(0.2, light) for light in lights])
    found = slices.of_photos(pixels, np.arange(30) >= 10)
    brightness = {each.name: each for each in found if each.property == "brightness"}
    assert sum(each.photos for each in brightness.values()) == 30
    assert brightness["dark"].accuracy is not None and brightness["dark"].accuracy.value == 0
    assert brightness["bright"].accuracy is not None and brightness["bright"].accuracy.value == 1
    sentences = slices.words(found)
    assert any("brightness is dark" in sentence for sentence in sentences)
    assert not any("brightness is bright" in sentence for sentence in sentences)


def test_equal_photos_leave_thirds_empty_rather_than_wrong() -> None:
    found = slices.of_photos(np.stack([board_with_thing(0.2)] * 4), np.ones(4, dtype=np.bool_))
    empty = [each for each in found if not each.photos]
    assert empty
    assert all(each.accuracy is None for each in empty)
    assert slices.words([Slice("brightness", "dark", "", 0, None)]) == ()
