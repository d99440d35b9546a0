"""Int8 without loss: as much effort as it takes, chosen by itself.

Guarantees: efforts are made in the order of their cost, until one loses no more validation accuracy than the recipe
allows and agrees with the float model on `LEAST_AGREEMENT` of the photos. If none does, the one whose logits
are nearest to the float model's ships: a few hundred answers are too few to tell two good models apart, their logits
are not. Train photos judge nothing, since a model is surer of those than of others; the holdout is never looked at. The
`QuantizationReport` says what was tried. The same inputs give the same bytes.
"""

import logging
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np
from numpy.typing import NDArray

from mobile_models.classifier import softmax
from mobile_models.quantization import Effort, QuantizationAttempt, QuantizationReport
from training import backbones
from training.evaluation import evaluate
from training.fitting import pipeline
from training.fitting.pipeline import Pictures
from training.quantization import inheritance, quantization_aware, quantize, ranges, rounding, sensitivity
from training.quantization.fake_quantize import NotSimulated
from training.quantization.inheritance import Champion
from training.quantization.quantization_aware import Lesson
from training.recipe import Recipe
from training.recipe_parts import Augmentation

log = logging.getLogger(__name__)

LEAST_AGREEMENT = 0.97
SENSITIVITY_PHOTOS = 24
ROUNDING_PHOTOS = 64
"""More do not make the rounding better, only slower."""


@dataclass(frozen=True)
class Material:
    """What an export may look at."""

    recipe: Recipe
    train: Pictures
    validation: Pictures
    seed: int
    champion: Champion | None = None
    """The release that the network was fine-tuned from."""


@dataclass(frozen=True)
class Quantized:
    content: bytes
    report: QuantizationReport


class NotMade(Exception):
    """An effort cannot or may not be made; the message says why."""


@dataclass
class Workpiece:
    """What one effort leaves to the next."""

    model: keras.Model
    material: Material
    floating: bytes
    """The float twin, with the ranges of the last effort."""
    integer: bytes = b""
    """What the last effort made that has no float layers."""
    float_layers: tuple[str, ...] = ()
    kept: frozenset[int] = frozenset()
    """Places of the operators that have the champion's numbers."""


@dataclass(frozen=True)
class Reference:
    """The float model's answers to the photos that int8 is compared on: `_views` of the validation split."""

    pixels: NDArray[np.uint8]
    labels: NDArray[np.int64]
    logits: NDArray[np.float32]

    def accuracy(self, logits: NDArray[np.float32]) -> float:
        return float((logits.argmax(axis=1) == self.labels).mean())


@dataclass(frozen=True)
class Made:
    content: bytes
    attempt: QuantizationAttempt


def quantize_well(model: keras.Model, material: Material) -> Quantized:
    """Return the int8 .tflite of a float `model`, and the report on it; raise `QuantizationError` if there is none."""
    work = Workpiece(model, material, quantize.float_graph(model))
    reference = _reference(model, material)
    attempts = list(_attempts(work, reference))
    best = _best([made for made in attempts if not made.attempt.skipped], reference, material.recipe)
    return Quantized(best.content, _report(attempts, best, reference, work))


def _attempts(work: Workpiece, reference: Reference) -> Iterator[Made]:
    enough = False
    for effort, make in _EFFORTS.items():
        made = _skipped(effort, "not needed") if enough else _attempt(effort, make, work, reference)
        log.info("%s", describe(made.attempt))
        enough = enough or _is_enough(made.attempt, reference, work.material.recipe)
        yield made


def _attempt(effort: Effort, make: Callable[[Workpiece], bytes], work: Workpiece, reference: Reference) -> Made:
    started = time.perf_counter()
    try:
        content = make(work)
    except NotMade as reason:
        return _skipped(effort, str(reason))
    return _measured(effort, content, work, reference, time.perf_counter() - started)


def _post_training(work: Workpiece) -> bytes:
    photos = representative_dataset(work.material, work.material.recipe.calibration_photos)
    work.floating = ranges.write(work.floating, ranges.smallest_and_largest(work.floating, photos))
    return _converted(work)


def _calibrated(work: Workpiece) -> bytes:
    """Nothing here needs training (compare Nagel et al. 2019, arXiv:1906.04721, which has the same aim)."""
    photos = representative_dataset(work.material, min(ROUNDING_PHOTOS, work.material.recipe.calibration_photos))
    work.floating = ranges.write(work.floating, ranges.least_squares(work.floating, photos))
    work.integer = rounding.rounded(work.floating, _converted(work), photos, work.material.seed, work.kept)
    return work.integer


def _converted(work: Workpiece) -> bytes:
    """Return int8 with the ranges of the workpiece, and the champion's numbers for the layers that were frozen."""
    champion = work.material.champion
    unchanged = inheritance.unchanged(work.floating, champion) if champion else frozenset()
    if champion is None or not unchanged:
        work.integer = quantize.integers(work.floating)
        return work.integer
    work.floating = ranges.write(work.floating, inheritance.ranges(work.floating, champion, unchanged))
    work.integer, work.kept = inheritance.inherit(quantize.integers(work.floating), champion, unchanged)
    return work.integer


def _float_layers(work: Workpiece) -> bytes:
    count = work.material.recipe.quantization_float_layers
    if not count:
        raise NotMade("the published format has no float operators, and the recipe does not ask what they would give")
    photos = representative_dataset(work.material, SENSITIVITY_PHOTOS)
    expected = pipeline.predict(work.model, photos)
    losses = {}
    for layer in sensitivity.layers(work.floating):
        content = quantize.converted(work.floating, (layer,))
        losses[layer] = divergence(expected, evaluate.logits_of(content, expected.shape[1], photos))
    work.float_layers = sensitivity.most_sensitive(losses, count)
    return sensitivity.mixed(work.floating, work.float_layers, photos, work.material.seed)


def _quantization_aware(work: Workpiece) -> bytes:
    recipe, photos = work.material.recipe, work.material.train.pixels
    if not recipe.quantization_aware_epochs:
        raise NotMade("the recipe's quantization_aware_epochs is 0")
    lesson = Lesson(work.model, recipe, photos, work.material.seed)
    try:
        work.integer = quantization_aware.tuned(work.floating, work.integer, lesson, work.kept)
    except NotSimulated as reason:
        raise NotMade(f"the network cannot be trained as int8: {reason}") from reason
    return work.integer


_EFFORTS: dict[Effort, Callable[[Workpiece], bytes]] = {
    Effort.POST_TRAINING: _post_training,
    Effort.CALIBRATED: _calibrated,
    Effort.FLOAT_LAYERS: _float_layers,
    Effort.QUANTIZATION_AWARE: _quantization_aware,
}


def champion(release: Path) -> Champion:
    """Read the release folder that a network was fine-tuned from."""
    model = backbones.saved_model(release / "checkpoint.keras")
    return Champion(quantize.float_graph(model), (release / "model.tflite").read_bytes())


def representative_dataset(material: Material, count: int) -> NDArray[np.uint8]:
    """Choose about `count` train photos, uint8 [n, H, W, 3], the same number of each class as far as there are."""
    return np.asarray(material.train.pixels[np.sort(_in_turn(material)[:count])])


def _in_turn(material: Material) -> NDArray[np.int64]:
    """Return the positions of all train photos in random order, one of each class after the other."""
    chance, labels = np.random.default_rng(material.seed), material.train.labels
    shuffled = chance.permutation(len(labels))
    turn = np.empty(len(labels), dtype=np.int64)
    for label in np.unique(labels):
        members = np.flatnonzero(labels[shuffled] == label)
        turn[members] = np.arange(len(members))
    return shuffled[np.argsort(turn, kind="stable")]


def _reference(model: keras.Model, material: Material) -> Reference:
    views = _views(material.validation.pixels, material.recipe.augmentation)
    pixels = np.concatenate(views)
    return Reference(pixels, np.tile(material.validation.labels, len(views)), pipeline.predict(model, pixels))


def _views(photos: NDArray[np.uint8], augmentation: Augmentation) -> list[NDArray[np.uint8]]:
    """Return the photos as they are, and turned over as the recipe does: more answers, none seen in training."""
    views = [np.asarray(photos)]
    if augmentation.horizontal_flip:
        views += [view[:, :, ::-1] for view in views]
    if augmentation.vertical_flip:
        views += [view[:, ::-1] for view in views]
    return views


def _measured(effort: Effort, content: bytes, work: Workpiece, reference: Reference, seconds: float) -> Made:
    started = time.perf_counter()
    logits = evaluate.logits_of(content, reference.logits.shape[1], reference.pixels)
    taken = time.perf_counter() - started
    attempt = QuantizationAttempt(
        effort=effort,
        accuracy=reference.accuracy(logits),
        agreement=float((logits.argmax(axis=1) == reference.logits.argmax(axis=1)).mean()),
        divergence=divergence(reference.logits, logits),
        signal_to_noise=signal_to_noise(reference.logits, logits),
        size_bytes=len(content),
        float_operators=quantize.float_operators(content),
        float_layers=work.float_layers if effort is Effort.FLOAT_LAYERS else (),
        latency_milliseconds=1000 * taken / len(logits),
        seconds=round(seconds, 1),
    )
    return Made(content, attempt)


def divergence(floating: NDArray[np.float32], integer: NDArray[np.float32]) -> float:
    """Return the mean Kullback-Leibler divergence of softmax scores from logits [n, k], in nats."""
    expected, given = softmax(floating, 1.0), softmax(integer, 1.0)
    return float((expected * (np.log(expected + 1e-12) - np.log(given + 1e-12))).sum(axis=1).mean())


def signal_to_noise(floating: NDArray[np.float32], integer: NDArray[np.float32]) -> float:
    """Return the variance of float logits [n, k] over the mean squared error of int8 ones, in decibels."""
    noise = float(np.square(integer - floating, dtype=np.float64).mean()) + 1e-12
    return float(10 * np.log10(float(floating.var()) / noise + 1e-12))


def _skipped(effort: Effort, reason: str) -> Made:
    return Made(b"", QuantizationAttempt(effort=effort, skipped=reason))


def _is_enough(attempt: QuantizationAttempt, reference: Reference, recipe: Recipe) -> bool:
    if attempt.accuracy is None or attempt.agreement is None or attempt.float_operators:
        return False
    drop = reference.accuracy(reference.logits) - attempt.accuracy
    return drop <= recipe.quantization_drop + 1e-9 and attempt.agreement >= LEAST_AGREEMENT


def _best(made: list[Made], reference: Reference, recipe: Recipe) -> Made:
    integer = [each for each in made if not each.attempt.float_operators]
    enough = [each for each in integer if _is_enough(each.attempt, reference, recipe)]
    return enough[0] if enough else max(integer, key=lambda each: each.attempt.signal_to_noise or 0.0)


def _report(attempts: list[Made], best: Made, reference: Reference, work: Workpiece) -> QuantizationReport:
    recipe = work.material.recipe
    enough = _is_enough(best.attempt, reference, recipe)
    return QuantizationReport(
        float_accuracy=reference.accuracy(reference.logits),
        views=len(reference.pixels),
        allowed_drop=recipe.quantization_drop,
        least_agreement=LEAST_AGREEMENT,
        attempts=tuple(each.attempt for each in attempts),
        chosen=best.attempt.effort,
        inherited_layers=len(work.kept),
        reason="the least effort that is good enough" if enough else "none is good enough; its logits are the nearest",
    )


def describe(attempt: QuantizationAttempt) -> str:
    if attempt.accuracy is None:
        return f"int8, {attempt.effort}: {attempt.skipped}"
    return (
        f"int8, {attempt.effort}: validation accuracy {attempt.accuracy:.4f}, agreement {attempt.agreement:.4f}, "
        f"divergence {attempt.divergence:.5f}, {attempt.seconds:.0f} s"
    )
