"""Random views of training photos, on uint8 pictures of the input size.

Guarantees: a view follows from its generator alone, so a resumed epoch sees what an unbroken one would have seen. What
lies outside the photo repeats its nearest edge, as in the reference paper.
"""

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from training.recipe_parts import Augmentation

Picture = NDArray[np.uint8]


def view(picture: Picture, recipe: Augmentation, chance: np.random.Generator) -> NDArray[np.float32]:
    """Return a random view, float32 [height, width, 3] in 0 to 255, of a uint8 [height, width, 3] `picture`."""
    moved = _warp(picture, recipe, chance) if _moves(recipe) else picture
    if recipe.horizontal_flip and chance.random() < 0.5:
        moved = moved[:, ::-1]
    if recipe.vertical_flip and chance.random() < 0.5:
        moved = moved[::-1]
    return _relight(moved.astype(np.float32), recipe, chance)


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


def _relight(pixels: NDArray[np.float32], recipe: Augmentation, chance: np.random.Generator) -> NDArray[np.float32]:
    factor = chance.uniform(1 - recipe.brightness_fraction, 1 + recipe.brightness_fraction)
    added = chance.uniform(-recipe.channel_shift, recipe.channel_shift)
    relit: NDArray[np.float32] = np.clip(pixels * np.float32(factor) + np.float32(added), 0, 255)
    return relit
