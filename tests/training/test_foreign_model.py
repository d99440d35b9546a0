"""Models as others make them: they answer by mean colour, in other formats, scalings and outputs than ours."""

import sys
from pathlib import Path

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from mobile_models.classifier import softmax
from mobile_models.document import sha256
from mobile_models.label_set import TRASHNET
from mobile_models.litert_model import ModelError
from tests.pictures import COLOURS, draw
from tests.tiny_model import BASE_BIASES, BASE_WEIGHTS, model_bytes
from training.dataset import DataError, SnapshotPhoto, Split
from training.evaluation import evaluate, foreign_model
from training.evaluation.foreign_model import PixelScaling
from training.fitting.pipeline import Pictures

EDGE = 32
Weights = tuple[NDArray[np.float32], NDArray[np.float32]]


@pytest.fixture
def names(tmp_path: Path) -> Path:
    file = tmp_path / "names.txt"
    file.write_text("\n".join(TRASHNET.ids))
    return file


def holdout(edge: int = EDGE) -> Pictures:
    """Four pictures of each label."""
    photos, pixels, labels = [], [], []
    for place, label in enumerate(TRASHNET.ids):
        for number in range(4):
            pixels.append(np.asarray(draw(label, number, (edge, edge))))
            labels.append(place)
            digest = sha256(bytes([place, number]))
            photos.append(SnapshotPhoto(sha256=digest, label=label, split=Split.HOLDOUT, group=digest))
    return Pictures(tuple(photos), np.stack(pixels), np.array(labels))


def weights(scaling: PixelScaling) -> Weights:
    """The tiny model's, for pixels that come scaled."""
    points = np.array([[[[0, 0, 0], [255, 255, 255]]]], dtype=np.uint8)
    black, white = scaling.apply(points)[0, 0]
    span = white - black
    return (BASE_WEIGHTS / span[:, None]).astype(np.float32), BASE_BIASES - (black / span) @ BASE_WEIGHTS


def onnx_model(
    file: Path, scaling: PixelScaling, *, channels_first: bool = True, probabilities: bool = False, batch: object = "n"
) -> Path:
    shape = [batch, 3, EDGE, EDGE] if channels_first else [batch, EDGE, EDGE, 3]
    colour_weights, biases = weights(scaling)
    axes = [2, 3] if channels_first else [1, 2]
    nodes = [
        helper.make_node("ReduceMean", ["photo", "axes"], ["colour"], keepdims=0),
        helper.make_node("Gemm", ["colour", "weights", "biases"], ["logits"]),
    ]
    if probabilities:
        nodes.append(helper.make_node("Softmax", ["logits"], ["scores"], axis=1))
    given = "scores" if probabilities else "logits"
    graph = helper.make_graph(
        nodes,
        "by_colour",
        [helper.make_tensor_value_info("photo", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info(given, TensorProto.FLOAT, [batch, 6])],
        [
            numpy_helper.from_array(np.array(axes, dtype=np.int64), "axes"),
            numpy_helper.from_array(colour_weights, "weights"),
            numpy_helper.from_array(biases.astype(np.float32), "biases"),
        ],
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10), file)
    return file


@pytest.mark.parametrize("scaling", PixelScaling)
@pytest.mark.parametrize("channels_first", [True, False])
def test_an_onnx_classifier_is_measured_like_one_of_ours(
    tmp_path: Path, names: Path, scaling: PixelScaling, channels_first: bool
) -> None:
    file = onnx_model(tmp_path / "model.onnx", scaling, channels_first=channels_first)
    assert foreign_model.is_foreign(file)
    measured = evaluate.measure_pictures(foreign_model.subject(file, names, scaling), holdout(), sha256(b""))
    assert measured.report.accuracy == 1
    assert measured.report.model == sha256(file.read_bytes())
    assert measured.report.label_set == TRASHNET
    assert measured.report.unsure is None
    assert measured.outputs.embedding is None


def test_the_wrong_scaling_is_seen_in_the_figure(tmp_path: Path, names: Path) -> None:
    file = onnx_model(tmp_path / "model.onnx", PixelScaling.IMAGENET)
    subject = foreign_model.subject(file, names, PixelScaling.ZERO_TO_ONE)
    assert evaluate.measure_pictures(subject, holdout(), sha256(b"")).report.accuracy < 0.7


def test_probabilities_and_logits_come_to_the_same(tmp_path: Path, names: Path) -> None:
    pixels, scaling = holdout().pixels, PixelScaling.ZERO_TO_ONE
    scores = []
    for probabilities in (False, True):
        file = onnx_model(tmp_path / f"{probabilities}.onnx", scaling, probabilities=probabilities)
        logits, _ = foreign_model.subject(file, names, scaling).outputs(pixels)
        scores.append(softmax(logits, 1.0))
    np.testing.assert_allclose(scores[0], scores[1], atol=1e-5)


def test_a_tflite_file_without_a_manifest_is_measured(tmp_path: Path, names: Path) -> None:
    file = tmp_path / "theirs.tflite"
    file.write_bytes(model_bytes())
    subject = foreign_model.subject(file, names, PixelScaling.RAW)
    assert (subject.input_spec.width, subject.input_spec.height) == (EDGE, EDGE)
    assert evaluate.measure_pictures(subject, holdout(), sha256(b"")).report.accuracy == 1


@pytest.mark.filterwarnings("ignore:Statistics for quantized inputs were expected")  # By TensorFlow's own converter.
@pytest.mark.parametrize("whole_integer", [False, True])
def test_float_and_whole_integer_tflite_files_with_softmax_are_measured(
    tmp_path: Path, names: Path, whole_integer: bool
) -> None:
    file = tmp_path / "theirs.tflite"
    file.write_bytes(_keras_tflite(whole_integer=whole_integer))
    subject = foreign_model.subject(file, names, PixelScaling.MINUS_ONE_TO_ONE)
    report = evaluate.measure_pictures(subject, holdout(), sha256(b"")).report
    assert report.accuracy > 0.9
    assert bool(report.float_operators) != whole_integer


def _keras_tflite(*, whole_integer: bool) -> bytes:
    import tensorflow as tf  # noqa: PLC0415  # Only these two tests need it.

    colour_weights, biases = weights(PixelScaling.MINUS_ONE_TO_ONE)

    @tf.function(input_signature=[tf.TensorSpec((1, EDGE, EDGE, 3), tf.float32)])
    def by_colour(photo: tf.Tensor) -> tf.Tensor:
        return tf.nn.softmax(tf.reduce_mean(photo, axis=[1, 2]) @ colour_weights + biases)

    converter = tf.lite.TFLiteConverter.from_concrete_functions([by_colour.get_concrete_function()], by_colour)
    if whole_integer:
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
        samples = [PixelScaling.MINUS_ONE_TO_ONE.apply(picture[np.newaxis]) for picture in holdout().pixels]
        converter.representative_dataset = lambda: ([sample] for sample in samples)
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
        converter.inference_input_type = converter.inference_output_type = tf.int8
    return bytes(converter.convert())


def test_names_in_another_order_make_another_label_set(tmp_path: Path) -> None:
    names = tmp_path / "names.txt"
    names.write_text("\n".join(["Shoes", *list(COLOURS)[1:]]))
    file = onnx_model(tmp_path / "model.onnx", PixelScaling.RAW)
    assert foreign_model.subject(file, names, PixelScaling.RAW).label_set.ids == ("shoes", *TRASHNET.ids[1:])


def test_what_cannot_be_measured_is_refused_with_what_to_do(tmp_path: Path, names: Path) -> None:
    file = onnx_model(tmp_path / "model.onnx", PixelScaling.RAW)
    two = tmp_path / "two.txt"
    two.write_text("glass\nmetal\n")
    broken, lite, batch = tmp_path / "broken.onnx", tmp_path / "broken.tflite", tmp_path / "batch.onnx"
    broken.write_bytes(b"no model")
    lite.write_bytes(b"no model")
    onnx_model(batch, PixelScaling.RAW, batch=8)
    refused = (
        (file, None, "give --labels FILE"),
        (file, two, "gives 6 values, but there are 2 names"),
        (broken, names, "ONNX Runtime cannot load"),
        (lite, names, "LiteRT cannot load"),
        (batch, names, "export it for a batch of 1"),
        (tmp_path / "none.onnx", names, "cannot be read"),
    )
    for model, given, message in refused:
        with pytest.raises(ModelError, match=message):
            foreign_model.subject(model, given, PixelScaling.RAW)
    with pytest.raises(DataError, match="holds no class names"):
        foreign_model.subject(file, tmp_path / "nowhere.txt", PixelScaling.RAW)


@pytest.mark.parametrize(
    ("shape", "message"),
    [
        ([1, 3, "height", "width"], "export it for a fixed size"),
        ([1, 1, EDGE, EDGE], "no picture of three channels"),
        ([1, 3, EDGE], "no picture of three channels"),
    ],
)
def test_a_model_that_takes_no_picture_of_known_size_is_refused(
    tmp_path: Path, names: Path, shape: list[object], message: str
) -> None:
    graph = helper.make_graph(
        [helper.make_node("Flatten", ["photo"], ["logits"])],
        "flat",
        [helper.make_tensor_value_info("photo", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, None)],
    )
    file = tmp_path / "model.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10), file)
    with pytest.raises(ModelError, match=message):
        foreign_model.subject(file, names, PixelScaling.RAW)


def test_without_onnxruntime_it_says_what_to_install(
    tmp_path: Path, names: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = onnx_model(tmp_path / "model.onnx", PixelScaling.RAW)
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(ModelError, match=r"pip install 'wastelens\[onnx\]'"):
        foreign_model.subject(file, names, PixelScaling.RAW)
