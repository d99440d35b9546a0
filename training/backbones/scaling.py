"""How a network scales raw pixels 0 to 255 itself, so that whoever feeds it need not know.

Guarantees: plain arithmetic for each channel, which the int8 export turns into one rescaling.
"""

import keras
from keras import layers

from training.backbone_facts import Scaling

_MEAN, _DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
"""Of ImageNet's photos in 0 to 1, red first (torchvision and most weights since)."""
_CAFFE_MEAN = (123.68, 116.779, 103.939)
"""Of ImageNet's photos in 0 to 255, red first; Caffe's networks (VGG, the first ResNets) take blue first."""
_SCALES: dict[Scaling, tuple[float | list[float], float | list[float]]] = {
    Scaling.ZERO_TO_ONE: (1 / 255, 0.0),
    Scaling.MINUS_ONE_TO_ONE: (1 / 127.5, -1.0),
    Scaling.IMAGENET_NORMAL: (
        [1 / (255 * deviation) for deviation in _DEVIATION],
        [-mean / deviation for mean, deviation in zip(_MEAN, _DEVIATION, strict=True)],
    ),
    Scaling.CAFFE: (1.0, [-mean for mean in _CAFFE_MEAN]),
}


def scale(photo: keras.KerasTensor, scaling: Scaling) -> keras.KerasTensor:
    """Return what the backbone takes, float32 [batch, height, width, 3]."""
    factor, offset = _SCALES[scaling]
    scaled = layers.Rescaling(factor, offset, name="scaling")(photo)
    if scaling is not Scaling.CAFFE:
        return scaled
    red, green, blue = (scaled[..., channel : channel + 1] for channel in range(3))
    return layers.Concatenate(name="blue_first")([blue, green, red])
