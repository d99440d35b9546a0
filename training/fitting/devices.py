"""What a fit runs on: how exactly it computes, how many devices share it, how many processes make its batches.

Guarantees: weights are float32 whatever the precision of the arithmetic; a model that is built within `shared` has its
weights on all devices, and each computes its part of every batch. Without such devices nothing changes.
"""

import importlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from training import backbones
from training.recipe import Recipe, RecipeError
from training.recipe_parts import Precision

MOST_LOADERS = 16


def names() -> list[str]:
    """The devices that Keras would compute on: all accelerators, or the CPU devices where there are none."""
    if keras.backend.backend() != "torch":
        return [str(name) for name in keras.distribution.list_devices()]
    torch = importlib.import_module("torch")  # Only where Keras runs on it.
    return [f"cuda:{number}" for number in range(torch.cuda.device_count())] or ["cpu:0"]


def loaders(wanted: int | None) -> int:
    """Return how many loading processes there are to be; None: one a core beside an accelerator, and none on a CPU.

    Where the CPU trains, they would take its time.
    """
    if wanted is not None:
        return wanted
    accelerated = not names()[0].startswith("cpu")
    return min(MOST_LOADERS, max(1, (os.cpu_count() or 1) - 1)) if accelerated else 0


def shareable(rows: NDArray[Any]) -> NDArray[Any]:
    """Return a batch [n, ...] with its last row repeated until all devices that share batches get as many."""
    missing = -len(rows) % _sharing()
    return np.concatenate([rows, np.repeat(rows[-1:], missing, axis=0)]) if missing else rows


def _sharing() -> int:
    distribution = keras.distribution.distribution()
    return 1 if distribution is None else int(distribution.device_mesh.devices.size)


@contextmanager
def shared(recipe: Recipe) -> Iterator[None]:
    """Build and train on all devices; raise `RecipeError` if they cannot share a batch.

    On JAX by Keras' data parallelism, on TensorFlow by its mirrored strategy; with PyTorch, one device is used.
    """
    devices, backend = names(), keras.backend.backend()
    if len(devices) == 1 or backend == "torch":
        yield
        return
    if recipe.batch_size % len(devices):
        raise RecipeError(f"batch_size: {len(devices)} devices cannot share batches of {recipe.batch_size} equally")
    with _parallel_jax(devices) if backend == "jax" else _parallel_tensorflow(devices):
        yield


@contextmanager
def _parallel_jax(devices: list[str]) -> Iterator[None]:
    before = keras.distribution.distribution()
    keras.distribution.set_distribution(keras.distribution.DataParallel(devices=devices, auto_shard_dataset=False))
    try:
        yield
    finally:
        keras.distribution.set_distribution(before)


@contextmanager
def _parallel_tensorflow(devices: list[str]) -> Iterator[None]:
    import tensorflow as tf  # noqa: PLC0415  # Only where Keras runs on it.

    with tf.distribute.MirroredStrategy(devices).scope():
        yield


def on_one(model: keras.Model) -> keras.Model:
    """Return `model` for use outside `shared`: itself, or a copy if its weights lie on several devices."""
    if len(names()) == 1 or keras.backend.backend() == "torch":
        return model
    plain = keras.Model(model.input, model.output, name=model.name)  # Without the optimiser, which cannot be cloned.
    copy = keras.models.clone_model(plain)
    copy.set_weights(model.get_weights())
    return copy


@contextmanager
def precision(model: keras.Model, wanted: Precision) -> Iterator[None]:
    """Let the backbone of `model` compute in `wanted` for a while; scaling, pooling and head stay float32.

    Mixed precision: Micikevicius et al. 2018, arXiv:1710.03740.
    """
    _set_policy(model, wanted)
    try:
        yield
    finally:
        _set_policy(model, Precision.FLOAT32)
        model.predict_function = None  # Keras keeps what it compiled for the other precision.


def _set_policy(model: keras.Model, wanted: Precision) -> None:
    for layer in backbones.all_layers(model.get_layer(backbones.BACKBONE)):
        layer.dtype_policy = wanted.value
