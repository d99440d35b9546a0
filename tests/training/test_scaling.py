"""What each backbone is fed with, computed here from its definition."""

import keras
import numpy as np
import pytest

from training import recipe
from training.backbone_facts import Scaling
from training.backbones import network, scaling

PIXELS = np.random.default_rng(0).integers(0, 256, (1, 4, 4, 3)).astype(np.float32)
MEAN, DEVIATION = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])
EXPECTED = {
    Scaling.ZERO_TO_ONE: PIXELS / 255,
    Scaling.MINUS_ONE_TO_ONE: PIXELS / 127.5 - 1,
    Scaling.IMAGENET_NORMAL: (PIXELS / 255 - MEAN) / DEVIATION,
    Scaling.CAFFE: PIXELS[..., ::-1] - np.array([103.939, 116.779, 123.68]),
}


@pytest.mark.parametrize("kind", Scaling)
def test_pixels_become_what_the_weights_were_made_for(kind: Scaling) -> None:
    photo = keras.Input((4, 4, 3))
    found = keras.Model(photo, scaling.scale(photo, kind))(PIXELS)
    assert np.allclose(keras.ops.convert_to_numpy(found), EXPECTED[kind], atol=1e-4)


@pytest.mark.parametrize(
    ("mode", "kind"),
    [("tf", Scaling.MINUS_ONE_TO_ONE), ("torch", Scaling.IMAGENET_NORMAL), ("caffe", Scaling.CAFFE)],
)
def test_the_scalings_are_those_that_keras_knows_by_other_names(mode: str, kind: Scaling) -> None:
    theirs = keras.applications.imagenet_utils.preprocess_input(PIXELS.copy(), mode=mode)
    assert np.allclose(EXPECTED[kind], theirs, atol=1e-4)


def test_a_recipe_without_a_scaling_takes_the_backbones_own() -> None:
    squeezenet = recipe.load("wastenet_squeezenet").with_changes(input_edge=64)
    found = network.build(squeezenet, 6, "random").get_layer("scaling")(PIXELS)
    assert np.allclose(keras.ops.convert_to_numpy(found), EXPECTED[Scaling.IMAGENET_NORMAL], atol=1e-4)
