import keras
import numpy as np
import pytest

from mobile_models.quantization import Effort
from training import backbones
from training.evaluation import evaluate
from training.fitting import pipeline
from training.fitting.pipeline import Pictures
from training.quantization import int8
from training.quantization.int8 import Material
from training.recipe import Recipe

CHANCE = np.random.default_rng(0)
PHOTOS = CHANCE.integers(0, 256, (36, 32, 32, 3), dtype=np.uint8)
TRAIN = Pictures((), PHOTOS[:24], np.array([0] * 20 + [1] * 3 + [2]))


@pytest.fixture
def model(quick: Recipe) -> keras.Model:
    keras.utils.set_random_seed(3)
    return backbones.build(quick, 6, "random")


def material(recipe: Recipe, model: keras.Model) -> Material:
    """The validation photos are labelled by the float model itself, so it is always right there."""
    pixels = PHOTOS[24:]
    return Material(recipe, TRAIN, Pictures((), pixels, pipeline.predict(model, pixels).argmax(axis=1)), seed=0)


def test_the_least_effort_that_is_good_enough_ships(
    quick: Recipe, model: keras.Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(int8, "LEAST_AGREEMENT", 0.0)
    report = int8.quantize_well(model, material(quick.with_changes(quantization_drop=1), model)).report
    assert report.chosen is Effort.POST_TRAINING
    assert [attempt.effort for attempt in report.attempts] == list(Effort)
    assert {attempt.skipped for attempt in report.attempts[1:]} == {"not needed"}


def test_every_effort_is_made_where_none_is_good_enough_and_the_nearest_logits_ship(
    quick: Recipe, model: keras.Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(int8, "_is_enough", lambda *_: False)
    given = material(quick.with_changes(quantization_aware_epochs=1), model)
    made = int8.quantize_well(model, given)
    measured = {each.effort: each for each in made.report.attempts if each.signal_to_noise is not None}
    assert {Effort.POST_TRAINING, Effort.CALIBRATED, Effort.QUANTIZATION_AWARE} <= set(measured)
    assert measured[made.report.chosen].signal_to_noise == max(each.signal_to_noise for each in measured.values())
    logits = evaluate.logits_of(made.content, 6, given.validation.pixels)
    assert int8.divergence(pipeline.predict(model, given.validation.pixels), logits) < 0.01


def test_the_representative_dataset_is_balanced_and_of_the_train_split_it_is_given(quick: Recipe) -> None:
    chosen = int8.representative_dataset(Material(quick, TRAIN, TRAIN, seed=0), 8)
    where = [int(np.flatnonzero([np.array_equal(picture, each) for each in PHOTOS])[0]) for picture in chosen]
    assert sorted(TRAIN.labels[where]) == [0] * 4 + [1] * 3 + [2]
    assert len(set(where)) == 8


def test_noise_is_stated_in_decibels() -> None:
    floating = np.array([[-1.0, 1.0]], dtype=np.float32)
    assert int8.signal_to_noise(floating, floating + np.float32(0.1)) == pytest.approx(20, abs=1e-3)


def test_scores_that_are_the_same_do_not_diverge() -> None:
    logits = np.array([[2.0, 1.0, -3.0]], dtype=np.float32)
    assert int8.divergence(logits, logits + 5) == pytest.approx(0, abs=1e-6)
    assert int8.divergence(logits, -logits) > 1


def test_without_epochs_for_it_fine_tuning_is_skipped_with_the_reason(
    quick: Recipe, model: keras.Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(int8, "_is_enough", lambda *_: False)
    report = int8.quantize_well(model, material(quick, model)).report
    skipped = {attempt.effort: attempt.skipped for attempt in report.attempts if attempt.skipped}
    assert "quantization_aware_epochs is 0" in skipped[Effort.QUANTIZATION_AWARE]
    assert "no float operators" in skipped[Effort.FLOAT_LAYERS]


def test_float_layers_are_measured_where_the_recipe_asks_and_never_ship(
    quick: Recipe, model: keras.Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(int8, "_is_enough", lambda *_: False)
    report = int8.quantize_well(model, material(quick.with_changes(quantization_float_layers=2), model)).report
    (attempt,) = [each for each in report.attempts if each.effort is Effort.FLOAT_LAYERS]
    assert len(attempt.float_layers) == 2
    assert attempt.float_operators
    assert report.chosen is not Effort.FLOAT_LAYERS
