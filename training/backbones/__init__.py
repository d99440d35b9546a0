"""Networks: a backbone by name, the scaling it is fed with, and our head on it.

Guarantees: a model takes pixels in 0 to 255 (float32 [batch, height, width, 3]), scales them itself, and gives logits
(float32 [batch, labels]). Its layer `embedding` is the pooled features; what comes after it is the head.
"""

from training.backbones.groups import groups_of, set_trainable
from training.backbones.network import all_layers, body_of, build, continue_from, head_of, save
from training.backbones.parts import BACKBONE, EMBEDDING, LOGITS
from training.backbones.weight_files import saved_model

__all__ = [
    "BACKBONE",
    "EMBEDDING",
    "LOGITS",
    "all_layers",
    "body_of",
    "build",
    "continue_from",
    "groups_of",
    "head_of",
    "save",
    "saved_model",
    "set_trainable",
]
