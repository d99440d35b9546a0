"""Torchvision's weights for our backbones, which have the same layers.

Guarantees: every weight of the backbone comes from the file, and every weight of the file is used but for those of its
classifier; or the error names the first layer that does not fit. No PyTorch is needed.
"""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
from keras import layers
from numpy.typing import NDArray

from training.backbone_facts import Backbone
from training.backbones import torch_files
from training.backbones.torch_files import Tensors

SUFFIXES = frozenset({".pth", ".pt", ".safetensors"})
_LEFT_OUT = re.compile(r"^(fc|classifier|aux1|aux2)\.|\.num_batches_tracked$")
# The published weights of DenseNet are older than the names in torchvision: norm.1 is norm1 now.
_OLD_DENSENET_NAME = re.compile(r"(denselayer\d+\.(?:norm|conv))\.([12])\.")
_VGG_CONVOLUTIONS = {Backbone.VGG16: (2, 2, 3, 3, 3), Backbone.VGG19: (2, 2, 4, 4, 4)}
_OURS = frozenset({"alexnet", "densenet161", "googlenet", "resnet18", "resnet34", "squeezenet"})


def load(body: keras.Model, backbone: Backbone, path: Path) -> None:
    """Fill `body` with a state dict of torchvision's network of that name. Raise `OSError` or `ValueError`."""
    tensors = {_OLD_DENSENET_NAME.sub(r"\1\2.", name): tensor for name, tensor in torch_files.read(path).items()}
    theirs = _names(backbone)
    used: set[str] = set()
    for layer in body.layers:
        if layer.weights:
            used |= _fill(layer, theirs(layer.name), tensors)
    for name in tensors:
        if name not in used and not _LEFT_OUT.search(name):
            raise ValueError(f"its {name} belongs to no layer of {backbone}")


def _fill(layer: keras.Layer, source: str, tensors: Tensors) -> set[str]:
    """Give a layer its weights, and return the names of those that it took."""
    names = [f"{source}.{part}" for part in _parts(layer)]
    if missing := [name for name in names if name not in tensors]:
        raise ValueError(f"it has no {missing[0]} for layer {layer.name}")
    values = [_in_keras_order(tensors[name]) for name in names]
    for name, value, weight in zip(names, values, layer.weights, strict=True):
        if value.shape != tuple(weight.shape):
            raise ValueError(f"its {name} has the shape {value.shape}, but layer {layer.name} takes {weight.shape}")
    layer.set_weights(values)
    return set(names)


def _parts(layer: keras.Layer) -> tuple[str, ...]:
    if isinstance(layer, layers.BatchNormalization):
        return "weight", "bias", "running_mean", "running_var"
    return ("weight", "bias") if layer.use_bias else ("weight",)


def _in_keras_order(tensor: NDArray[Any]) -> NDArray[Any]:
    """Return a kernel as [height, width, in, out] from PyTorch's [out, in, height, width]; the rest as it is."""
    return np.transpose(tensor, (2, 3, 1, 0)) if tensor.ndim == 4 else tensor


def _names(backbone: Backbone) -> Callable[[str], str]:
    """Return what gives torchvision's name for that of a layer. Raise `ValueError` where the networks differ."""
    if backbone in _OURS:
        return str
    if backbone in _VGG_CONVOLUTIONS:
        return _vgg_names(_VGG_CONVOLUTIONS[backbone]).__getitem__
    if backbone.startswith("densenet"):
        return _densenet_name
    raise ValueError(f"torchvision's {backbone}, if it has one, is another network than Keras'; give Keras' weights")


def _vgg_names(convolutions: tuple[int, ...]) -> dict[str, str]:
    """Torchvision counts convolutions, activations and poolings in one row."""
    names, position = {}, 0
    for block, count in enumerate(convolutions, start=1):
        for convolution in range(1, count + 1):
            names[f"block{block}_conv{convolution}"] = f"features.{position}"
            position += 2
        position += 1
    return names


def _densenet_name(name: str) -> str:
    """conv2_block3_1_bn is denseblock1.denselayer3.norm2, pool2_conv is transition1.conv."""
    if within := re.fullmatch(r"conv(\d)_block(\d+)_(\d)_(bn|conv)", name):
        block, layer, position, kind = within.groups()
        number = int(position) + 1 if kind == "bn" else int(position)
        return f"features.denseblock{int(block) - 1}.denselayer{layer}.{_KINDS[kind]}{number}"
    if between := re.fullmatch(r"pool(\d)_(bn|conv)", name):
        return f"features.transition{int(between[1]) - 1}.{_KINDS[between[2]]}"
    return {"conv1_conv": "features.conv0", "conv1_bn": "features.norm0", "bn": "features.norm5"}[name]


_KINDS = {"bn": "norm", "conv": "conv"}
