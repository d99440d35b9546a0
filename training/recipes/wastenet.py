"""Six classes: "WasteNet: Waste Classification at the Edge" (White et al. 2020).

DenseNet169. First the head alone until the loss stabilises, about 100 epochs; then gradual unfreezing from the top,
one stretch of the backbone after another, each learning more slowly than the one above it. Photos are zoomed, turned,
moved and flipped left to right, edges filled with the nearest pixel. 50/25/25. Below a confidence of 0.9 a human is
asked: `wastelens evaluate` shows accuracy against coverage at that threshold, and Grad-CAM. The paper does not say
which DenseNet, the optimiser, the learning rates, the epochs after the first stage, or how far photos are changed:
the 169 of its table, Adam, 1e-3 for the head and then 1e-4, a factor of 1/2.6 from group to group (Howard and Ruder
2018, arXiv:1801.06146, who propose both habits), 10 for each stretch, and what stands below. The head has 100 epochs
at most, and stops where ten in a row lower the validation loss by less than 0.001. Batch norm stays as it is.

    wastelens train wastenet --data photos/

Result: the paper reports 97.0 % for WasteNet and 95.3 % for DenseNet169 in its table, without saying what sets them
apart; the other rows are the recipes named wastenet_*. Not measured here: needs ImageNet weights, which cannot be had
on the machines where this was developed.
"""

from training.backbone_facts import FACTS, Backbone
from training.papers import PaperResult
from training.recipe import Recipe
from training.recipe_parts import Augmentation, Head, Optimizer, Stage

TITLE, SPLIT = "WasteNet: Waste Classification at the Edge", "test photos of a random 50/25/25 split"

PAPER = PaperResult(
    title=TITLE, accuracy=0.970, split=SPLIT, note="DenseNet169 has 0.953 in the paper's table, WasteNet 0.970"
)


def gradual_unfreezing(backbone: Backbone) -> tuple[Stage, ...]:
    """Return the head's stage and one for each group of the backbone, the top one first."""
    head = Stage(
        name="head",
        epochs=100,
        batch_norm_frozen=True,
        learning_rate=1e-3,
        stop_patience=10,
        stop_minimum_change=0.001,
    )
    return head, *(_down_to(groups) for groups in range(1, FACTS[backbone].groups + 1))


def row(backbone: Backbone, accuracy: float) -> tuple[PaperResult, Recipe]:
    """Return what the paper's table says of another backbone, and its recipe under the same regime."""
    result = PaperResult(title=TITLE, accuracy=accuracy, split=SPLIT, note="a comparison of the paper's table")
    recipe = RECIPE.with_changes(
        name=f"wastenet_{backbone}",
        description=f"{backbone} under WasteNet's regime, a comparison of its paper.",
        backbone=backbone,
        stages=tuple(stage.model_dump() for stage in gradual_unfreezing(backbone)),
    )
    return result, recipe


def _down_to(groups: int) -> Stage:
    return Stage(
        name=f"top_{groups}",
        epochs=10,
        trainable_groups=groups,
        group_learning_rate_factor=1 / 2.6,
        batch_norm_frozen=True,
        learning_rate=1e-4,
    )


RECIPE = Recipe(
    name="wastenet",
    description="DenseNet169: head until the loss stabilises, then gradual unfreezing from the top.",
    backbone=Backbone.DENSENET169,
    input_edge=224,
    head=Head(),
    stages=gradual_unfreezing(Backbone.DENSENET169),
    batch_size=32,
    split=(0.5, 0.25, 0.25),
    optimizer=Optimizer.ADAM,
    class_weights="none",
    augmentation=Augmentation(rotation_degrees=20, shift_fraction=0.1, zoom_fraction=0.2, horizontal_flip=True),
    monitor="loss",
)
