import keras
import numpy as np
import pytest

from mobile_models.litert_model import LiteRtModel
from training import backbones, recipe
from training.backbones import EMBEDDING, LOGITS
from training.quantization import fake_quantize, quantization_aware, quantize, ranges, rounding
from training.quantization.fake_quantize import FakeQuantized, NotSimulated
from training.quantization.quantization_aware import Lesson
from training.quantization.tflite_graph import Graph
from training.recipe import Recipe

PHOTOS = np.random.default_rng(0).integers(0, 256, (32, 32, 32, 3), dtype=np.uint8)


def twins(wanted: Recipe, photos: np.ndarray = PHOTOS) -> tuple[keras.Model, bytes, bytes]:
    """A network with random weights, its float twin, and its int8 file."""
    keras.utils.set_random_seed(1)
    model = backbones.build(wanted, 6, "random")
    floating = quantize.float_graph(model)
    floating = ranges.write(floating, ranges.smallest_and_largest(floating, photos))
    return model, floating, quantize.integers(floating)


def answers(content: bytes, photos: np.ndarray = PHOTOS) -> tuple[np.ndarray, np.ndarray]:
    given = LiteRtModel(content, 6)
    both = [[each.copy() for each in given.run(photo[np.newaxis])] for photo in photos]
    return np.stack([logits for logits, _ in both]), np.stack([embedding for _, embedding in both])


@pytest.mark.parametrize(
    "name",
    [
        "tiny",
        pytest.param("mobilenet_v2", marks=pytest.mark.slow),
        pytest.param("resnet50v2", marks=pytest.mark.slow),
    ],
)
def test_the_simulation_answers_as_the_file_does(name: str) -> None:
    _, floating, integer = twins(recipe.load(name).with_changes(input_edge=32))
    simulated = FakeQuantized(floating, integer).predict(PHOTOS.astype(np.float32), verbose=0)
    logits, embedding = answers(integer)
    assert (simulated[LOGITS].argmax(axis=1) == logits.argmax(axis=1)).mean() >= 0.96
    step = np.ptp(logits) / 255
    assert np.abs(simulated[LOGITS] - logits).mean() < 2 * step
    assert np.abs(simulated[EMBEDDING] - embedding).mean() < np.ptp(embedding) / 255


def test_what_learned_nothing_is_the_file_itself(quick: Recipe) -> None:
    _, floating, integer = twins(quick)
    better = rounding.rounded(floating, integer, PHOTOS, seed=0)
    assert FakeQuantized(floating, better).file() == better


def test_fine_tuning_brings_the_scores_nearer_and_changes_only_weights_and_biases(
    quick: Recipe, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(quantization_aware, "LEARNING_RATE", 0.5)
    model, floating, integer = twins(quick)
    spoilt = Graph(integer)
    for operator in spoilt.computing:
        if operator.name in rounding.WEIGHTED and (weights := spoilt.constant(operator.inputs[1])) is not None:
            weights[...] = np.round(weights / 16) * 16  # As if there were 4 bits.
    lesson = Lesson(model, quick.with_changes(quantization_aware_epochs=8, batch_size=8), PHOTOS, seed=0)
    tuned = quantization_aware.tuned(floating, spoilt.content, lesson)
    expected = model.predict(PHOTOS.astype(np.float32), verbose=0)
    before, after = (np.square(answers(content)[0] - expected).mean() for content in (spoilt.content, tuned))
    assert after < 0.9 * before
    _assert_same_scales(integer, tuned)


def test_fine_tuning_is_repeatable(quick: Recipe) -> None:
    model, floating, integer = twins(quick)
    lesson = Lesson(model, quick.with_changes(quantization_aware_epochs=1), PHOTOS, seed=0)
    first, second = (quantization_aware.tuned(floating, integer, lesson) for _ in range(2))
    assert first == second != integer


def test_operators_that_are_kept_do_not_learn(quick: Recipe, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(quantization_aware, "LEARNING_RATE", 2.0)
    model, floating, integer = twins(quick)
    places = range(len(Graph(integer).computing) - 1)  # All but the head.
    lesson = Lesson(model, quick.with_changes(quantization_aware_epochs=1), PHOTOS, seed=0)
    tuned = Graph(quantization_aware.tuned(floating, integer, lesson, kept=places))
    for place, operator in enumerate(Graph(integer).computing):
        if operator.name in rounding.WEIGHTED:
            same = np.array_equal(Graph(integer).constant(operator.inputs[1]), tuned.constant(operator.inputs[1]))
            assert same == (place in places)


def test_an_operator_that_is_unknown_is_named(quick: Recipe, monkeypatch: pytest.MonkeyPatch) -> None:
    _, floating, integer = twins(quick)
    known = {name: function for name, function in fake_quantize._OPERATORS.items() if name != "MEAN"}
    monkeypatch.setattr(fake_quantize, "_OPERATORS", known)
    with pytest.raises(NotSimulated, match="MEAN"):
        FakeQuantized(floating, integer)


def _assert_same_scales(expected: bytes, given: bytes) -> None:
    first, second = Graph(expected), Graph(given)
    for tensor in range(first.tensor_count):
        before, after = first.steps(tensor), second.steps(tensor)
        assert (before is None) == (after is None)
        if before is not None and after is not None:
            assert np.array_equal(before[0], after[0])
            assert np.array_equal(before[1], after[1])
