"""Another background for photos whose own is a plain, bright board, as in TrashNet.

Guarantees: what is found is the board and not the thing, or nothing is found: a background counts only if it is one
smooth, bright, connected piece that reaches the border and leaves enough of the photo to be the thing. The backgrounds
that are drawn instead are made from random numbers alone; no other photo is used.
"""

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage

Picture = NDArray[np.uint8]
Mask = NDArray[np.float32]

GRID = 64
"""Edge of the small copy on which the board is found, in pixels."""

_SMOOTH = 3.0  # Largest step of brightness per pixel of the small copy, in raw values, within the board.
_BRIGHT = 100.0
_GREYNESS = 0.3  # Largest saturation: the board is white under light that may be warm.
_NEAR_COLOUR = 20.0
_BOARD_SHARES = (0.15, 0.92)
_BORDER_SHARE = 0.2


def thing(picture: Picture) -> Mask | None:
    """Return what is not the board, float32 [height, width] from 0 (board) to 1; None where no board is found."""
    small = np.asarray(Image.fromarray(picture).resize((GRID, GRID), Image.Resampling.BOX), dtype=np.float32)
    board = _board(small)
    if board is None:
        return None
    whole = ndimage.binary_fill_holes(~board)
    size = (picture.shape[1], picture.shape[0])
    # Half a cell inwards, so that no bright seam of the board stays around the thing.
    soft = Image.fromarray((ndimage.uniform_filter(whole.astype(np.float32), 3) * 255).astype(np.uint8))
    edges = np.asarray(soft.resize(size, Image.Resampling.BICUBIC), dtype=np.float32) / 255
    mask: Mask = np.clip((edges - 0.35) * 3, 0, 1)
    return mask


def replace(picture: Picture, mask: Mask, chance: np.random.Generator) -> Picture:
    """Return the uint8 [height, width, 3] `picture` with another background where `mask` is 0."""
    height, width = picture.shape[:2]
    coarse = np.clip(draw(height // 2, width // 2, chance), 0, 255).astype(np.uint8)  # A quarter of the work.
    drawn = np.asarray(Image.fromarray(coarse).resize((width, height), Image.Resampling.BILINEAR), dtype=np.float32)
    mixed = drawn + mask[..., None] * (picture.astype(np.float32) - drawn)
    return np.clip(mixed, 0, 255).astype(np.uint8)


def draw(height: int, width: int, chance: np.random.Generator) -> NDArray[np.float32]:
    """Return a random ground, float32 [height, width, 3]: cloudy, grainy or striped, between two colours."""
    dark, light = _two_colours(chance)
    pattern = _clouds(height, width, chance)
    if chance.random() < 0.35:
        pattern = 0.4 * pattern + 0.6 * _stripes(height, width, chance)
    if chance.random() < 0.5:
        pattern = pattern + chance.normal(0, chance.uniform(0.02, 0.2), pattern.shape)
    ground: NDArray[np.float32] = (dark + pattern[..., None] * (light - dark)).astype(np.float32)
    return ground


def _board(small: NDArray[np.float32]) -> NDArray[np.bool_] | None:
    """Return the board on the small copy, bool [GRID, GRID], or None."""
    grey = ndimage.uniform_filter(small.mean(axis=2), 3)
    steps = np.hypot(ndimage.sobel(grey, 0), ndimage.sobel(grey, 1)) / 8
    highest = small.max(axis=2)
    saturation = (highest - small.min(axis=2)) / np.maximum(highest, 1)
    plain = (steps < _SMOOTH) & (grey > _BRIGHT) & (saturation < _GREYNESS)
    pieces, count = ndimage.label(plain)
    if not count:
        return None
    on_border = np.concatenate([pieces[0], pieces[-1], pieces[:, 0], pieces[:, -1]])
    reach = np.bincount(on_border[on_border > 0], minlength=count + 1) / len(on_border)
    largest = int(reach.argmax())
    if reach[largest] < _BORDER_SHARE:
        return None
    outer = np.flatnonzero(reach)
    colours = np.array(ndimage.mean(small.mean(axis=2), pieces, outer))
    alike = outer[np.abs(colours - colours[outer == largest]) < _NEAR_COLOUR]
    board = ndimage.binary_dilation(np.isin(pieces, alike), iterations=1)
    found: NDArray[np.bool_] | None = board if _BOARD_SHARES[0] < board.mean() < _BOARD_SHARES[1] else None
    return found


def _two_colours(chance: np.random.Generator) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    first = chance.uniform(0, 255, 3) if chance.random() < 0.6 else np.full(3, chance.uniform(0, 255))
    second = np.clip(first + chance.normal(0, 60) + chance.normal(0, 25, 3), 0, 255)
    return first, second


def _clouds(height: int, width: int, chance: np.random.Generator) -> NDArray[np.float64]:
    """Sum of smooth noise at several scales, float64 [height, width], about 0 to 1."""
    total, weights = np.zeros((height, width)), 0.0
    roughness = chance.uniform(0.3, 1.0)
    for octave, cells in enumerate((2, 5, 12, 30, 70)):
        noise = Image.fromarray(chance.random((cells, cells), dtype=np.float32))
        weight = roughness**octave
        total += weight * np.asarray(noise.resize((width, height), Image.Resampling.BICUBIC))
        weights += weight
    clouds: NDArray[np.float64] = total / weights
    return clouds


def _stripes(height: int, width: int, chance: np.random.Generator) -> NDArray[np.float64]:
    """Boards, tiles or cloth: a periodic pattern in a random direction, float64 [height, width], 0 to 1."""
    rows, columns = np.mgrid[0:height, 0:width]
    angle, period = chance.uniform(0, np.pi), chance.uniform(6, height / 2)
    along = (rows * np.cos(angle) + columns * np.sin(angle)) / period
    across = (columns * np.cos(angle) - rows * np.sin(angle)) / period
    waves = np.abs(np.sin(np.pi * along)) ** chance.uniform(0.1, 2)
    stripes: NDArray[np.float64] = waves * np.abs(np.sin(np.pi * across)) if chance.random() < 0.3 else waves
    return stripes
