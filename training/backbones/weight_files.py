"""Weights for a backbone out of a file.

Guarantees: all of the backbone's weights come from the file, or an error says which layer does not fit; a downloaded
file is the one that its name promises.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from zipfile import BadZipFile

import keras

from mobile_models.document import file_sha256
from training.backbone_facts import FACTS, Backbone
from training.backbones import torch_weights
from training.backbones.parts import BACKBONE

_TORCHVISION = "https://download.pytorch.org/models/"


def download(name: Backbone) -> Path:
    """Return torchvision's file of ImageNet weights, fetched once. Raise `OSError` or `ValueError` if it cannot be."""
    file_name = str(FACTS[name].pretrained)
    with fetching():
        path = Path(keras.utils.get_file(file_name, f"{_TORCHVISION}{file_name}", cache_subdir="models"))
    promised = path.stem.rpartition("-")[2]
    if not file_sha256(path).startswith(promised):
        path.unlink()
        raise ValueError(f"{file_name} arrived damaged; try again")
    return path


@contextmanager
def fetching() -> Iterator[None]:
    """Raise `OSError` in place of the bare `Exception` that Keras has for a file that it cannot fetch."""
    try:
        yield
    except Exception as error:
        if type(error) is Exception:
            raise OSError(str(error)) from error
        raise


def is_torchs(file: str | Path) -> bool:
    return Path(file).suffix in torch_weights.SUFFIXES


def load(body: keras.Model, name: Backbone, file: str | Path) -> None:
    """Raise `OSError` or `ValueError` if `file` cannot be read or does not fit."""
    path = Path(file)
    if is_torchs(path):
        torch_weights.load(body, name, path)
    elif path.suffix == ".keras":
        _take(body, saved_model(path))
    else:
        with _damage_told():
            body.load_weights(path)


def saved_model(path: Path) -> keras.Model:
    """Return the network in a .keras file. Raise `OSError` or `ValueError` if it cannot be read."""
    with _damage_told():
        return keras.saving.load_model(path, compile=False)


@contextmanager
def _damage_told() -> Iterator[None]:
    """Raise `ValueError` for what readers of archives and of HDF5 make of a file with wrong bytes in it."""
    try:
        yield
    except (BadZipFile, KeyError, RuntimeError) as error:
        raise ValueError(f"it is damaged, or no such file ({error})") from error


def _take(body: keras.Model, saved: keras.Model) -> None:
    """Copy the weights of a saved network, whole or its backbone alone, layer by layer."""
    names = {layer.name for layer in saved.layers}
    source = saved.get_layer(BACKBONE) if BACKBONE in names else saved
    theirs = [layer for layer in source.layers if layer.weights]
    ours = [layer for layer in body.layers if layer.weights]
    for layer, other in zip(ours, theirs, strict=False):
        if [weight.shape for weight in layer.weights] != [weight.shape for weight in other.weights]:
            raise ValueError(f"its layer {other.name} does not fit layer {layer.name}")
        layer.set_weights(other.get_weights())
    if len(theirs) < len(ours):
        raise ValueError(f"it has no layer for {ours[len(theirs)].name}")
