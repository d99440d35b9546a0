"""Quantisation-aware fine-tuning: weights learn to be rounded, with the float model as their teacher.

Guarantees: no labels are used, so what the float model knows is all that can be learned; ranges and scales of the file
stay as they are. The views and their order follow from the seed, so the same inputs give the same weights wherever the
backend is deterministic. It is short, and begins anew where a process was killed.
"""

import logging
from collections.abc import Container
from dataclasses import dataclass

import keras
import numpy as np
from keras import ops
from numpy.typing import NDArray

from training.backbones import EMBEDDING, LOGITS
from training.fitting.batches import Batches, Changes
from training.quantization.fake_quantize import FakeQuantized, Tensor
from training.recipe import Recipe

log = logging.getLogger(__name__)

LEARNING_RATE = 0.005
"""In steps of each weight: a hundred updates can move one by a quarter of a step, to where it is rounded otherwise."""
TINY = 1e-12
"""Gradients of weights in steps are small; the usual 1e-7 would outweigh them."""
EMBEDDING_WEIGHT = 0.1
"""Of the embedding's error beside the scores': distances between photos must keep their meaning, too."""
_STREAM = 1000
"""Beside the seed: other views than those of the fit."""


@dataclass(frozen=True)
class Lesson:
    """The `model` to learn from, and the photos, uint8 [n, H, W, 3], on views of which its answers are learned."""

    model: keras.Model
    recipe: Recipe
    photos: NDArray[np.uint8]
    seed: int


def tuned(floating: bytes, integer: bytes, lesson: Lesson, kept: Container[int] = ()) -> bytes:
    """Return the int8 .tflite `integer`, twin of `floating`, with weights that were trained as they are rounded.

    `kept`: places of operators that do not learn. Raise `NotSimulated` if the graph has an operator unknown to us.
    """
    student, teacher = FakeQuantized(floating, integer, kept), _teacher(lesson.model)
    epochs = lesson.recipe.quantization_aware_epochs
    student.compile(optimizer=_optimizer(epochs * len(_batches(lesson, 0))), loss=_LOSSES, loss_weights=_LOSS_WEIGHTS)
    for epoch in range(epochs):
        student.reset_metrics()
        for inputs, *_ in _batches(lesson, epoch):
            view = inputs.astype(np.float32)
            losses = student.train_on_batch(view, teacher.predict_on_batch(view), return_dict=True)
        log.info("quantisation-aware epoch %d of %d: loss %.5f", epoch + 1, epochs, losses["loss"])
    return student.file()


def _teacher(model: keras.Model) -> keras.Model:
    return keras.Model(model.input, {LOGITS: model.output, EMBEDDING: model.get_layer(EMBEDDING).output})


def _optimizer(updates: int) -> keras.optimizers.Optimizer:
    return keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(LEARNING_RATE, updates), epsilon=TINY)


def _batches(lesson: Lesson, epoch: int) -> Batches:
    no_labels, weights = np.zeros(len(lesson.photos), dtype=np.int64), np.ones(1)
    changes = Changes(augmentation=lesson.recipe.augmentation)
    seed = (lesson.seed, _STREAM, epoch)
    return Batches(lesson.photos, no_labels, weights, lesson.recipe.batch_size, seed, changes)


def _relative_error(expected: Tensor, given: Tensor) -> Tensor:
    """Squares, and not the divergence of scores: of photos that the teacher is sure of, that would teach nothing.

    (Ba and Caruana 2014, arXiv:1312.6184; the limit of high temperature in Hinton et al. 2015, arXiv:1503.02531.)
    """
    return ops.sum(ops.square(given - expected), axis=-1) / (ops.sum(ops.square(expected), axis=-1) + 1e-6)


_LOSSES = {LOGITS: _relative_error, EMBEDDING: _relative_error}
_LOSS_WEIGHTS = {LOGITS: 1.0, EMBEDDING: EMBEDDING_WEIGHT}
