"""`mobilenet_v2` cut to a few minutes on two cores, for a demonstration: the head, then four epochs of the tail.

So few epochs learn from plain views better than from hard ones, and have no weights worth averaging.

    wastelens train mobilenet_v2_quick --data photos/ --weights mobilenet_v2_notop.weights.h5

Results: docs/training-log.md.
"""

from training.recipe import Recipe
from training.recipe_parts import Augmentation
from training.recipes.mobilenet_v2 import RECIPE as WHOLE

_HEAD, _TAIL = WHOLE.stages

RECIPE: Recipe = WHOLE.with_changes(
    name="mobilenet_v2_quick",
    description="MobileNetV2 in a few minutes: head, then four epochs of the tail.",
    stages=(_HEAD, _TAIL.model_copy(update={"epochs": 4, "warmup_epochs": 0, "kept_change": 1})),
    weight_averaging=0,
    augmentation=Augmentation(
        rotation_degrees=180,
        shift_fraction=0.1,
        zoom_fraction=0.2,
        horizontal_flip=True,
        vertical_flip=True,
        channel_shift=15,
        brightness_fraction=0.2,
    ),
    calibration_photos=100,
)
