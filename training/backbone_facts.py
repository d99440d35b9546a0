"""What is known about each backbone without building it. Plain data, so that recipes can be checked without Keras."""

from dataclasses import dataclass
from enum import StrEnum


class Backbone(StrEnum):
    ALEXNET = "alexnet"
    CONVNEXT_TINY = "convnext_tiny"
    DENSENET121 = "densenet121"
    DENSENET161 = "densenet161"
    DENSENET169 = "densenet169"
    DENSENET201 = "densenet201"
    EFFICIENTNET_V2_B0 = "efficientnet_v2_b0"
    GOOGLENET = "googlenet"
    MOBILENET_V2 = "mobilenet_v2"
    MOBILENET_V3_LARGE = "mobilenet_v3_large"
    RESNET18 = "resnet18"
    RESNET34 = "resnet34"
    RESNET50 = "resnet50"
    RESNET50V2 = "resnet50v2"
    RESNET101 = "resnet101"
    SQUEEZENET = "squeezenet"
    TINY = "tiny"  # four convolutions for tests and drawn pictures; nobody's product
    VGG16 = "vgg16"
    VGG19 = "vgg19"


class Scaling(StrEnum):
    """How the model itself scales raw pixels 0 to 255."""

    ZERO_TO_ONE = "zero_to_one"
    MINUS_ONE_TO_ONE = "minus_one_to_one"
    IMAGENET_NORMAL = "imagenet_normal"  # less the mean of ImageNet's photos, by their deviation, for each channel
    CAFFE = "caffe"  # blue first, less the mean, in 0 to 255


KERAS = "keras"
"""Keras downloads the ImageNet weights itself."""


@dataclass(frozen=True)
class BackboneFacts:
    layers: int
    """Keras layers without top and pooling, input layer included."""
    groups: int
    """Stretches of equal resolution: what `trainable_groups` counts, and learning rates by group."""
    scaling: Scaling
    """What its pretrained weights were made for."""
    pretrained: str | None
    """Where ImageNet weights come from: Keras, or a weights file of torchvision by its name."""
    minimum_edge: int = 32
    """Smallest picture it can take, in pixels."""


_KERAS_NORMAL = (Scaling.IMAGENET_NORMAL, KERAS)
_CENTRED = (Scaling.MINUS_ONE_TO_ONE, KERAS)
_CAFFE = (Scaling.CAFFE, KERAS)

FACTS = {
    Backbone.ALEXNET: BackboneFacts(15, 3, Scaling.IMAGENET_NORMAL, "alexnet-owt-7be5be79.pth", minimum_edge=63),
    Backbone.CONVNEXT_TINY: BackboneFacts(132, 4, *_KERAS_NORMAL),
    Backbone.DENSENET121: BackboneFacts(427, 5, *_KERAS_NORMAL),
    Backbone.DENSENET161: BackboneFacts(567, 5, Scaling.IMAGENET_NORMAL, "densenet161-8d451a50.pth"),
    Backbone.DENSENET169: BackboneFacts(595, 5, *_KERAS_NORMAL),
    Backbone.DENSENET201: BackboneFacts(707, 5, *_KERAS_NORMAL),
    Backbone.EFFICIENTNET_V2_B0: BackboneFacts(268, 5, *_KERAS_NORMAL),
    Backbone.GOOGLENET: BackboneFacts(195, 5, Scaling.MINUS_ONE_TO_ONE, "googlenet-1378be20.pth"),
    Backbone.MOBILENET_V2: BackboneFacts(154, 5, *_CENTRED),
    Backbone.MOBILENET_V3_LARGE: BackboneFacts(186, 5, *_CENTRED),
    Backbone.RESNET18: BackboneFacts(72, 5, Scaling.IMAGENET_NORMAL, "resnet18-f37072fd.pth"),
    Backbone.RESNET34: BackboneFacts(128, 5, Scaling.IMAGENET_NORMAL, "resnet34-b627a593.pth"),
    Backbone.RESNET50: BackboneFacts(175, 5, *_CAFFE),
    Backbone.RESNET50V2: BackboneFacts(190, 5, *_CENTRED),
    Backbone.RESNET101: BackboneFacts(345, 5, *_CAFFE),
    Backbone.SQUEEZENET: BackboneFacts(62, 4, Scaling.IMAGENET_NORMAL, "squeezenet1_1-b8a52dc0.pth"),
    Backbone.TINY: BackboneFacts(13, 4, Scaling.MINUS_ONE_TO_ONE, None),
    Backbone.VGG16: BackboneFacts(19, 5, *_CAFFE),
    Backbone.VGG19: BackboneFacts(22, 5, *_CAFFE),
}
