"""Each backbone by its name, with the weights that were asked for.

Guarantees: the model that comes out is named `backbone`, takes scaled pixels and gives a feature map; Keras
Applications supplies what it has, its own scaling left out, and the rest is ours, with torchvision's names.
"""

from collections.abc import Callable
from typing import Any

import keras
from keras import applications

from training.backbone_facts import FACTS, KERAS, Backbone
from training.backbones import (
    alexnet,
    densenet161,
    googlenet,
    layer_norm,
    resnet_v1_small,
    squeezenet,
    tiny,
    weight_files,
)
from training.backbones.parts import BACKBONE, Shape
from training.dataset import DataError
from training.recipe import IMAGENET, RANDOM, RANDOM_FROZEN

_APPLICATIONS: dict[Backbone, Callable[..., keras.Model]] = {
    Backbone.CONVNEXT_TINY: applications.ConvNeXtTiny,
    Backbone.DENSENET121: applications.DenseNet121,
    Backbone.DENSENET169: applications.DenseNet169,
    Backbone.DENSENET201: applications.DenseNet201,
    Backbone.EFFICIENTNET_V2_B0: applications.EfficientNetV2B0,
    Backbone.MOBILENET_V2: applications.MobileNetV2,
    Backbone.MOBILENET_V3_LARGE: applications.MobileNetV3Large,
    Backbone.RESNET50: applications.ResNet50,
    Backbone.RESNET50V2: applications.ResNet50V2,
    Backbone.RESNET101: applications.ResNet101,
    Backbone.VGG16: applications.VGG16,
    Backbone.VGG19: applications.VGG19,
}
_WITH_SCALING_INSIDE = {Backbone.CONVNEXT_TINY, Backbone.EFFICIENTNET_V2_B0, Backbone.MOBILENET_V3_LARGE}
_OURS: dict[Backbone, Callable[[Shape], keras.Model]] = {
    Backbone.ALEXNET: alexnet.build,
    Backbone.DENSENET161: densenet161.build,
    Backbone.GOOGLENET: googlenet.build,
    Backbone.RESNET18: resnet_v1_small.build_18,
    Backbone.RESNET34: resnet_v1_small.build_34,
    Backbone.SQUEEZENET: squeezenet.build,
    Backbone.TINY: tiny.build,
}


def build(name: Backbone, shape: Shape, weights: str) -> keras.Model:
    """Raise `DataError` if the `weights` (imagenet, random, or a file) do not fit or cannot be had."""
    try:
        if weights == IMAGENET and FACTS[name].pretrained == KERAS:
            with weight_files.fetching():
                return _application(name, shape, IMAGENET)
        body = _OURS[name](shape) if name in _OURS else _application(name, shape, None)
        if weights == IMAGENET:
            weight_files.load(body, name, weight_files.download(name))
        elif weights not in (RANDOM, RANDOM_FROZEN):
            weight_files.load(body, name, weights)
    except (OSError, ValueError) as error:
        hint = " Without a network, give a weights file or 'random'." if weights == IMAGENET else ""
        reason = str(error).rstrip(".")
        raise DataError(f"The weights {weights} do not fit {name} or cannot be had: {reason}.{hint}") from error
    return body


def _application(name: Backbone, shape: Shape, weights: str | None) -> keras.Model:
    own: dict[str, Any] = {"include_preprocessing": False} if name in _WITH_SCALING_INSIDE else {}
    # Some of them look for their weights by their own name, so ours is given afterwards.
    body = _APPLICATIONS[name](include_top=False, weights=weights, input_shape=shape, **own)
    if name is Backbone.CONVNEXT_TINY:
        body = layer_norm.replaced(body)
    return keras.Model(body.input, body.output, name=BACKBONE)
