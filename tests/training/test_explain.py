"""Grad-CAM on a network whose reasons are known: it looks for a red patch."""

from pathlib import Path

import keras
import numpy as np
import pytest
from keras import layers
from numpy.typing import NDArray

from training import backbones
from training.reporting import explain
from training.reporting.explain import GradCam, NoHeatMap

EDGE, PATCH = 64, 16


def red_finder(path: Path) -> Path:
    """Save a network whose first logit counts red and whose second counts blue, in cells of 8 pixels."""
    photo = keras.Input((EDGE, EDGE, 3))
    colours = layers.Conv2D(2, 1, use_bias=False, name="colours")(layers.Rescaling(1 / 255)(photo))
    features = layers.AveragePooling2D(8)(layers.ReLU()(colours))
    embedding = layers.GlobalAveragePooling2D(name=backbones.EMBEDDING)(features)
    logits = layers.Dense(2, use_bias=False, name=backbones.LOGITS)(embedding)
    model = keras.Model(photo, logits)
    model.get_layer("colours").set_weights([np.array([[1, -1], [-1, -1], [-1, 1]], dtype=np.float32)[None, None]])
    model.get_layer(backbones.LOGITS).set_weights([np.eye(2, dtype=np.float32)])
    model.save(path)
    return path


def red_above_blue() -> NDArray[np.uint8]:
    """A red patch at the top left and a blue one at the bottom right."""
    picture = np.zeros((EDGE, EDGE, 3), dtype=np.uint8)
    picture[:PATCH, :PATCH, 0] = 255
    picture[-PATCH:, -PATCH:, 2] = 255
    return picture


def test_the_heat_lies_on_what_speaks_for_the_label(tmp_path: Path) -> None:
    camera = GradCam(red_finder(tmp_path / "model.keras"))
    for label, hot, cold in ((0, slice(0, 8), slice(-8, None)), (1, slice(-8, None), slice(0, 8))):
        heat = camera.heat(red_above_blue(), label)
        assert heat.shape == (EDGE, EDGE)
        assert heat[hot, hot].min() > 0.8
        assert heat[cold, cold].max() < 0.05
        assert 0 <= heat.min() <= heat.max() <= 1


def test_what_speaks_against_the_label_is_left_cold(tmp_path: Path) -> None:
    camera = GradCam(red_finder(tmp_path / "model.keras"))
    assert not camera.heat(np.zeros((EDGE, EDGE, 3), dtype=np.uint8), 0).any()


def test_the_overlay_is_grey_where_it_is_cold() -> None:
    heat = np.zeros((4, 4), dtype=np.float32)
    heat[0, 0] = 1
    shown = explain.overlay(np.full((4, 4, 3), (200, 100, 0), dtype=np.uint8), heat)
    assert shown[3, 3].tolist() == [100, 100, 100]
    assert len(set(shown[0, 0].tolist())) > 1


def test_networks_that_cannot_be_looked_into_are_refused(tmp_path: Path) -> None:
    (tmp_path / "broken.keras").write_bytes(b"no checkpoint")
    with pytest.raises(NoHeatMap, match="is no checkpoint of ours"):
        GradCam(tmp_path / "broken.keras")
    given = keras.Input((8,))
    flat = layers.Dense(4, name=backbones.EMBEDDING)(given)
    keras.Model(given, layers.Dense(2, name=backbones.LOGITS)(flat)).save(tmp_path / "flat.keras")
    with pytest.raises(NoHeatMap, match="has no feature map"):
        GradCam(tmp_path / "flat.keras")
    camera = GradCam(red_finder(tmp_path / "model.keras"))
    with pytest.raises(NoHeatMap, match="takes \\(64, 64\\)"):
        camera.heat(np.zeros((32, 32, 3), dtype=np.uint8), 0)
