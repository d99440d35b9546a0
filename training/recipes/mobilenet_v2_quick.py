"""`mobilenet_v2` cut to a few minutes on two cores, for a demonstration: the head, then four epochs of the tail.

    wastelens train mobilenet_v2_quick --data photos/ --weights mobilenet_v2_notop.weights.h5

Results: docs/training-log.md.
"""

from training.recipe import Recipe
from training.recipes.mobilenet_v2 import RECIPE as WHOLE

_HEAD, _TAIL = WHOLE.stages

RECIPE: Recipe = WHOLE.with_changes(
    name="mobilenet_v2_quick",
    description="MobileNetV2 in a few minutes: head, then four epochs of the tail.",
    stages=(_HEAD, _TAIL.model_copy(update={"epochs": 4, "warmup_epochs": 0})),
    calibration_photos=100,
)
