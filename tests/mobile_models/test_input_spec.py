"""The input contract, to the pixel, against a second implementation that follows `docs/published-format.md`."""

import math
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mobile_models import self_tests
from mobile_models.document import sha256
from mobile_models.input_spec import InputSpec

Pixels = list[list[int]]


def _weights(size: int, start: int, length: int, wanted: int) -> list[tuple[int, list[int]]]:
    """For each wanted pixel, the first source pixel and the integer weights of it and those after it."""
    scale = length / wanted
    support = max(scale, 1.0)
    found = []
    for place in range(wanted):
        centre = start + (place + 0.5) * scale
        first, last = max(0, int(centre - support + 0.5)), min(size, int(centre + support + 0.5))
        raw = [max(0.0, 1.0 - abs((source - centre + 0.5) / support)) for source in range(first, last)]
        found.append((first, [math.floor(weight / sum(raw) * 2**22 + 0.5) for weight in raw]))
    return found


def _pass(rows: Pixels, weights: list[tuple[int, list[int]]]) -> Pixels:
    return [
        [min(255, max(0, (2**21 + sum(w * row[first + n] for n, w in enumerate(ws))) >> 22)) for first, ws in weights]
        for row in rows
    ]


def _transposed(rows: Pixels) -> Pixels:
    return [list(column) for column in zip(*rows, strict=True)]


def _second_implementation(image: Image.Image, spec: InputSpec) -> np.ndarray:
    width, height = image.size
    left, top, across, down = 0, 0, width, height
    if spec.crop == "centre_square":
        across = down = min(width, height)
        left, top = (width - across) // 2, (height - down) // 2
    channels = []
    for channel in image.split():
        rows = np.asarray(channel).tolist()
        narrowed = _pass(rows, _weights(width, left, across, spec.width))
        channels.append(_transposed(_pass(_transposed(narrowed), _weights(height, top, down, spec.height))))
    return np.stack([np.asarray(channel, dtype=np.uint8) for channel in channels], axis=-1)[np.newaxis]


def _photo(width: int, height: int, seed: int = 1) -> Image.Image:
    return Image.fromarray(self_tests.picture(seed, height, width)[0])


@pytest.mark.parametrize("size", [(96, 128), (128, 96), (31, 77), (16, 16), (20, 200), (333, 250)])
@pytest.mark.parametrize("crop", ["none", "centre_square"])
@pytest.mark.parametrize("wanted", [(32, 32), (24, 40)])
def test_another_implementation_reaches_the_same_pixels(
    size: tuple[int, int], crop: str, wanted: tuple[int, int]
) -> None:
    spec = InputSpec.model_validate({"width": wanted[0], "height": wanted[1], "crop": crop})
    image = _photo(*size)
    fed = spec.prepare(image)
    assert fed.shape == (1, wanted[1], wanted[0], 3) and fed.dtype == np.uint8
    assert np.array_equal(fed, _second_implementation(image, spec))


@pytest.mark.parametrize(
    ("crop", "golden"),
    [
        ("none", "b6f5f976327d04513b839c0332b757d7a6ce3dca76252d91e01f67b37af46d85"),
        ("centre_square", "29b23f872bb4f2912eed793748f579a432cb7331034d94b27705d7a7db2824fc"),
    ],
)
def test_golden_pixels_never_change(crop: str, golden: str) -> None:
    """The picture of self-test seed 7, 640 wide and 480 high, fed to a model of 224 x 224."""
    fed = InputSpec.model_validate({"width": 224, "height": 224, "crop": crop}).prepare(_photo(640, 480, seed=7))
    assert sha256(fed.tobytes()) == golden


def test_a_picture_of_the_right_size_is_fed_as_it_is() -> None:
    image = _photo(48, 32)
    assert np.array_equal(InputSpec(width=48, height=32).prepare(image)[0], np.asarray(image))


def test_an_image_that_is_not_rgb_is_refused() -> None:
    with pytest.raises(ValueError, match="expected an RGB image, got mode L"):
        InputSpec(width=32, height=32).prepare(Image.new("L", (40, 40)))


def test_the_documented_digests_are_the_true_ones() -> None:
    document = (Path(__file__).parents[2] / "docs" / "published-format.md").read_text()
    photo = _photo(640, 480, seed=7)
    for crop in ("none", "centre_square"):
        fed = InputSpec.model_validate({"width": 224, "height": 224, "crop": crop}).prepare(photo)
        assert f"| `{crop}` | `{sha256(fed.tobytes())}` |" in document
    assert f"`{sha256(self_tests.picture(1, 224, 224).tobytes())}`" in document
