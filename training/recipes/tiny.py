"""Four convolutions from random weights, for tests and for pictures that the program draws. Nobody's product.

wastelens train tiny --data drawn/ --weights random
"""

from training.backbone_facts import Backbone, Scaling
from training.recipe import Recipe
from training.recipe_parts import Augmentation, Head, Schedule, Stage

RECIPE = Recipe(
    name="tiny",
    description="A toy network for drawn pictures and tests.",
    backbone=Backbone.TINY,
    input_edge=96,
    scaling=Scaling.MINUS_ONE_TO_ONE,
    head=Head(dropout=0.1),
    stages=(
        Stage(
            name="all",
            epochs=20,
            trainable_layers=13,
            batch_norm_frozen=False,
            learning_rate=5e-3,
            schedule=Schedule.COSINE,
        ),
    ),
    batch_size=16,
    class_weights="balanced",
    augmentation=Augmentation(rotation_degrees=20, shift_fraction=0.05, horizontal_flip=True),
    monitor="loss",
    calibration_photos=50,
    quantization_aware_epochs=0,
)
