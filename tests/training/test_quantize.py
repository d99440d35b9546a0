import subprocess
import sys
import tempfile
from pathlib import Path

import keras
import numpy as np
import pytest

from mobile_models.document import sha256
from mobile_models.litert_model import LiteRtModel
from training import backbones, recipe
from training.dataset import DataError
from training.quantization import quantize
from training.recipe import Recipe

PIXELS = np.random.default_rng(0).integers(0, 256, (24, 32, 32, 3), dtype=np.uint8)


@pytest.mark.parametrize(
    ("name", "embedding_length"),
    [
        ("tiny", 64),
        pytest.param("mobilenet_v2", 1280, marks=pytest.mark.slow),
        pytest.param("resnet50v2", 2048, marks=pytest.mark.slow),
        pytest.param("resnet50v2_tuned", 2048, marks=pytest.mark.slow),
    ],
)
def test_each_network_becomes_full_integer_with_the_published_interface(name: str, embedding_length: int) -> None:
    wanted = recipe.load(name).with_changes(input_edge=32)
    content = quantize.quantize(backbones.build(wanted, 6, "random"), PIXELS)
    assert quantize.float_operators(content) == ()
    model = LiteRtModel(content, 6)
    assert model.input_shape == (1, 32, 32, 3)
    assert model.embedding_length == embedding_length
    logits, embedding = model.run(PIXELS[:1])
    assert (logits.shape, logits.dtype) == ((6,), np.float32)
    assert (embedding.shape, embedding.dtype) == ((embedding_length,), np.float32)


def test_raw_pixels_go_in_unchanged(quick: Recipe) -> None:
    """Calibrated on photos with black and white in them, the input has scale 1 and zero point 0."""
    from ai_edge_litert import interpreter as litert  # noqa: PLC0415

    content = quantize.quantize(backbones.build(quick, 6, "random"), PIXELS)
    (taken,) = litert.Interpreter(model_content=content).get_input_details()
    assert taken["dtype"] == np.uint8
    assert taken["quantization"] == (pytest.approx(1.0), 0)


def test_int8_answers_are_near_the_float_ones(quick: Recipe) -> None:
    model = backbones.build(quick, 6, "random")
    litert = LiteRtModel(quantize.quantize(model, PIXELS), 6)
    expected = np.asarray(model(PIXELS.astype(np.float32)))
    answered = np.stack([litert.run(picture[np.newaxis])[0].copy() for picture in PIXELS])
    assert np.abs(answered - expected).max() < 0.05 * np.ptp(expected) + 0.02


def test_float_operators_are_found(quick: Recipe) -> None:
    import tensorflow as tf  # noqa: PLC0415

    model = backbones.build(quick, 6, "random")
    content = tf.lite.TFLiteConverter.from_keras_model(model).convert()
    assert "CONV_2D" in quantize.float_operators(content)


def test_without_tensorflow_it_says_where_to_go_on(quick: Recipe, monkeypatch: pytest.MonkeyPatch) -> None:
    model = backbones.build(quick, 6, "random")
    monkeypatch.setattr(keras.backend, "backend", lambda: "jax")
    with pytest.raises(quantize.QuantizationError, match="goes on from there"):
        quantize.quantize(model, PIXELS)


def test_a_disk_that_fills_up_under_the_export_is_named(
    quick: Recipe, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    import tensorflow as tf  # noqa: PLC0415

    def fills_up(*_: object, **__: object) -> None:
        raise tf.errors.ResourceExhaustedError(None, None, "variables.data-00000-of-00001; No space left on device")

    monkeypatch.setattr(keras.Model, "export", fills_up)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with pytest.raises(DataError, match=f"The disk of {tmp_path} is full"):
        quantize.float_graph(backbones.build(quick, 6, "random"))
    assert not list(tmp_path.iterdir())


def test_the_same_model_and_photos_give_the_same_bytes_in_another_process(quick: Recipe, tmp_path: Path) -> None:
    script = (
        "import sys, numpy, keras\n"
        "from training.quantization import quantize\n"
        "model = keras.saving.load_model(sys.argv[1], compile=False)\n"
        "sys.stdout.buffer.write(sha256(quantize.quantize(model, numpy.load(sys.argv[2]))).encode())\n"
    )
    model = backbones.build(quick, 6, "random")
    backbones.save(model, tmp_path / "model.keras")
    np.save(tmp_path / "photos.npy", PIXELS)
    command = [sys.executable, "-c", "from mobile_models.document import sha256\n" + script]
    command += [str(tmp_path / "model.keras"), str(tmp_path / "photos.npy")]
    there = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    assert there == sha256(quantize.quantize(keras.saving.load_model(tmp_path / "model.keras", compile=False), PIXELS))
