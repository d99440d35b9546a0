"""What is known about each backbone without building it. Plain data, so that recipes can be checked without Keras."""

from dataclasses import dataclass
from enum import StrEnum


class Backbone(StrEnum):
    RESNET50V2 = "resnet50v2"
    MOBILENET_V2 = "mobilenet_v2"
    TINY = "tiny"  # four convolutions for tests and drawn pictures; nobody's product


class Scaling(StrEnum):
    """How the model itself scales raw pixels 0 to 255."""

    ZERO_TO_ONE = "zero_to_one"
    MINUS_ONE_TO_ONE = "minus_one_to_one"


@dataclass(frozen=True)
class BackboneFacts:
    layers: int
    """Keras layers without top and pooling, input layer included."""
    scaling: Scaling
    """What its pretrained weights were made for."""
    pretrained: bool
    """Whether ImageNet weights can be downloaded for it."""
    minimum_edge: int = 32
    """Smallest picture it can take, in pixels."""


FACTS = {
    Backbone.RESNET50V2: BackboneFacts(190, Scaling.MINUS_ONE_TO_ONE, pretrained=True),
    Backbone.MOBILENET_V2: BackboneFacts(154, Scaling.MINUS_ONE_TO_ONE, pretrained=True),
    Backbone.TINY: BackboneFacts(13, Scaling.MINUS_ONE_TO_ONE, pretrained=False),
}
