"""ResNet50V2 trained as well as we can: what scheduled retraining runs.

Against the reference: the scaling that the ImageNet weights were made for; the head first, on frozen features, so that
its first large gradients do not wreck the backbone; then the last 38 layers with batch norm frozen at a learning rate
that falls along a cosine; label smoothing, decoupled weight decay, and the best epoch by validation loss.

    wastelens train resnet50v2_tuned --data photos/

Result: not measured on photos here (no ImageNet weights for this backbone): see docs/training-log.md.
"""

from training.backbone_facts import Backbone, Scaling
from training.recipe import Recipe
from training.recipe_parts import Augmentation, Head, Schedule, Stage

RECIPE = Recipe(
    name="resnet50v2_tuned",
    description="ResNet50V2 with its own scaling: head first, then the tail with batch norm frozen.",
    backbone=Backbone.RESNET50V2,
    input_edge=384,
    scaling=Scaling.MINUS_ONE_TO_ONE,
    head=Head(dropout=0.3),
    stages=(
        Stage(
            name="head",
            epochs=40,
            trainable_layers=0,
            batch_norm_frozen=True,
            learning_rate=2e-3,
            schedule=Schedule.COSINE,
            augment=False,
        ),
        Stage(
            name="tail",
            epochs=20,
            trainable_layers=38,
            batch_norm_frozen=True,
            learning_rate=1e-4,
            schedule=Schedule.COSINE,
            warmup_epochs=1,
            stop_patience=8,
        ),
    ),
    batch_size=32,
    weight_decay=1e-4,
    label_smoothing=0.1,
    class_weights="balanced",
    augmentation=Augmentation(
        rotation_degrees=180,
        shift_fraction=0.1,
        zoom_fraction=0.2,
        horizontal_flip=True,
        vertical_flip=True,
        channel_shift=15,
        brightness_fraction=0.2,
    ),
    monitor="loss",
)


def with_backbone(backbone: Backbone) -> Recipe:
    """Return the recipe of another backbone under the same regime, at 224 pixels and with its own scaling."""
    head, tail = RECIPE.stages
    upper = tail.model_copy(update={"trainable_layers": 0, "trainable_groups": 2})
    return RECIPE.with_changes(
        name=str(backbone),
        description=f"{backbone} with its own scaling: head first, then its upper groups with batch norm frozen.",
        backbone=backbone,
        input_edge=224,
        scaling=None,
        stages=(head.model_dump(), upper.model_dump()),
    )
