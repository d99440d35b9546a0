"""Random views of training photos, on uint8 pictures of the input size.

Guarantees: a view follows from its generator alone, so a resumed epoch sees what an unbroken one would have seen. What
lies outside the photo repeats its nearest edge, as in the reference paper.
"""

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from training.fitting import backgrounds
from training.recipe_parts import Augmentation

Picture = NDArray[np.uint8]


def view(picture: Picture, recipe: Augmentation, chance: np.random.Generator) -> NDArray[np.float32]:
    """Return a random view, float32 [height, width, 3] in 0 to 255, of a uint8 [height, width, 3] `picture`."""
    placed = _elsewhere(picture, recipe, chance) if recipe.background_fraction else picture
    moved = _warp(placed, recipe, chance) if _moves(recipe) else placed
    if recipe.horizontal_flip and chance.random() < 0.5:
        moved = moved[:, ::-1]
    if recipe.vertical_flip and chance.random() < 0.5:
        moved = moved[::-1]
    if recipe.blur_pixels:
        moved = _blur(moved, recipe, chance)
    relit = _relight(moved.astype(np.float32), recipe, chance)
    return _erase(relit, chance) if chance.random() < recipe.erase_fraction else relit


def _elsewhere(picture: Picture, recipe: Augmentation, chance: np.random.Generator) -> Picture:
    if chance.random() >= recipe.background_fraction:
        return picture
    mask = backgrounds.thing(picture)
    return picture if mask is None else backgrounds.replace(picture, mask, chance)


def _moves(recipe: Augmentation) -> bool:
    return any((recipe.rotation_degrees, recipe.shift_fraction, recipe.zoom_fraction, recipe.shear_degrees))


def _warp(picture: Picture, recipe: Augmentation, chance: np.random.Generator) -> Picture:
    """Turn, shear, zoom and shift about the centre, in one bilinear pass."""
    height, width = picture.shape[:2]
    pad = max(height, width) // 2
    padded = Image.fromarray(np.pad(picture, ((pad, pad), (pad, pad), (0, 0)), mode="edge"))
    inverse = _inverse_matrix(recipe, chance)
    shift = chance.uniform(-recipe.shift_fraction, recipe.shift_fraction, 2) * (width, height)
    centre = np.array([width / 2, height / 2])
    offset = centre + pad - inverse @ (centre + shift)
    coefficients = (*inverse[0], offset[0], *inverse[1], offset[1])
    warped = padded.transform((width, height), Image.Transform.AFFINE, coefficients, Image.Resampling.BILINEAR)
    return np.asarray(warped)


def _inverse_matrix(recipe: Augmentation, chance: np.random.Generator) -> NDArray[np.float64]:
    """Return the 2 x 2 map from a pixel of the view to one of the photo."""
    angle = np.deg2rad(chance.uniform(-recipe.rotation_degrees, recipe.rotation_degrees))
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    slant = np.tan(np.deg2rad(chance.uniform(-recipe.shear_degrees, recipe.shear_degrees)))
    shear = np.array([[1.0, slant], [0.0, 1.0]])
    zoom = np.diag(chance.uniform(1 - recipe.zoom_fraction, 1 + recipe.zoom_fraction, 2))
    inverse: NDArray[np.float64] = turn @ shear @ zoom
    return inverse


def _blur(picture: Picture, recipe: Augmentation, chance: np.random.Generator) -> Picture:
    """Half of the photos, by a Gaussian of random width."""
    radius = chance.uniform(0, recipe.blur_pixels) if chance.random() < 0.5 else 0.0
    if radius < 0.3:
        return picture
    blurred = Image.fromarray(np.ascontiguousarray(picture)).filter(ImageFilter.GaussianBlur(radius))
    return np.asarray(blurred)


def _relight(pixels: NDArray[np.float32], recipe: Augmentation, chance: np.random.Generator) -> NDArray[np.float32]:
    """Change light and colours: a linear map of each photo's pixels, and noise."""
    factors = _around_one(recipe.brightness_fraction, chance) * _around_one(recipe.tint_fraction, chance, 3)
    added = chance.uniform(-recipe.channel_shift, recipe.channel_shift)
    relit = pixels * factors.astype(np.float32) + np.float32(added)
    if recipe.contrast_fraction:
        middle = relit.mean(dtype=np.float32)
        relit = middle + np.float32(_around_one(recipe.contrast_fraction, chance)) * (relit - middle)
    if recipe.saturation_fraction:
        grey = relit.mean(axis=2, keepdims=True, dtype=np.float32)
        relit = grey + np.float32(_around_one(recipe.saturation_fraction, chance)) * (relit - grey)
    if recipe.noise:
        relit += chance.normal(0, chance.uniform(0, recipe.noise), relit.shape).astype(np.float32)
    clipped: NDArray[np.float32] = np.clip(relit, 0, 255)
    return clipped


def _around_one(fraction: float, chance: np.random.Generator, count: int = 1) -> NDArray[np.float64]:
    return chance.uniform(1 - fraction, 1 + fraction, count)


def _erase(pixels: NDArray[np.float32], chance: np.random.Generator) -> NDArray[np.float32]:
    """Paint a rectangle of 2 to 25 % of the photo in one colour (Zhong et al. 2020, Random Erasing)."""
    height, width = pixels.shape[:2]
    area, ratio = chance.uniform(0.02, 0.25), np.exp(chance.uniform(-1, 1))
    tall = min(height, max(1, round(height * float(np.sqrt(area * ratio)))))
    wide = min(width, max(1, round(width * float(np.sqrt(area / ratio)))))
    top, left = chance.integers(height - tall + 1), chance.integers(width - wide + 1)
    erased = pixels.copy()
    erased[top : top + tall, left : left + wide] = chance.uniform(0, 255, 3)
    return erased
