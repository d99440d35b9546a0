"""MobileNetV2 at 224 for small phones: 3 MB of int8. The bundled release comes from it.

The head first on frozen features, then the backbone with batch norm frozen (Keras gives it a momentum of 0.999, whose
averages would lag in runs this short), cosine, label smoothing, and photos turned by any angle: things lie as they
fall, and a third of TrashNet is upside down. Light and colours change, and part of the photos lose their white board
for another ground, since residents have none. The weights that are kept are a running average, drawn back by a fifth
towards those that only the head was fitted to: they know more of other photos (WiSE-FT, arXiv:2109.01903).

Int8 is made without training (own ranges, cancelled rounding errors): that agrees with float on 0.98 and more of the
photos, and fine-tuning in int8 after it cost a quarter of an hour for nothing that could be measured.

    wastelens train mobilenet_v2 --data photos/ --weights mobilenet_v2_notop.weights.h5

Results: docs/training-log.md.
"""

from training.backbone_facts import Backbone, Scaling
from training.recipe import Recipe
from training.recipe_parts import Augmentation, Head, Schedule, Stage

RECIPE = Recipe(
    name="mobilenet_v2",
    description="MobileNetV2 for small phones: head first, then the backbone with batch norm frozen.",
    backbone=Backbone.MOBILENET_V2,
    input_edge=224,
    scaling=Scaling.MINUS_ONE_TO_ONE,
    head=Head(dropout=0.3),
    stages=(
        Stage(
            name="head",
            epochs=40,
            trainable_layers=0,
            batch_norm_frozen=True,
            learning_rate=3e-3,
            schedule=Schedule.COSINE,
            augment=False,
        ),
        Stage(
            name="tail",
            epochs=14,
            trainable_layers=154,
            batch_norm_frozen=True,
            learning_rate=3e-4,
            schedule=Schedule.COSINE,
            warmup_epochs=1,
            kept_change=0.8,
        ),
    ),
    batch_size=32,
    weight_averaging=0.98,
    weight_decay=1e-4,
    label_smoothing=0.1,
    class_weights="balanced",
    augmentation=Augmentation(
        rotation_degrees=180,
        shift_fraction=0.1,
        zoom_fraction=0.25,
        horizontal_flip=True,
        vertical_flip=True,
        channel_shift=15,
        brightness_fraction=0.25,
        contrast_fraction=0.2,
        saturation_fraction=0.3,
        tint_fraction=0.08,
        blur_pixels=0.8,
        noise=4,
        erase_fraction=0.1,
        background_fraction=0.3,
    ),
    monitor="loss",
    quantization_aware_epochs=0,
)
