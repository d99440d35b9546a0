"""Four groups: "Garbage classification by transfer learning" (ICJE 8(8), 2022).

ResNet50 for kitchen, recyclable, other and hazardous waste, in this order, on 6,038 photos of 500x373 (2,053, 1,762,
1,189 and 1,034). The paper: learning rate 0.001, 300 epochs, photos changed in brightness, size, colour, noise, blur
and by flips, 70 % for training and 30 % for testing. It does not say the size of the input, the optimiser, the batch,
which layers learn, or how far photos are changed: 224, SGD with a momentum of 0.9, 32, the head and the last stretch
of the backbone with batch norm as it is, and what stands below. Of its 30 % one third chooses our best epoch, and two
thirds are a holdout that selects nothing, which the paper does not have.

    wastelens train resnet50_four_groups --data four_groups/

Result: the paper reports 93 %; precision, recall and F1 by group: kitchen .96, .96, .96; recyclable .92, .95, .94;
other .91, .87, .89; hazardous .90, .91, .90. Not measured here: needs ImageNet weights, which cannot be had on the
machines where this was developed.
"""

from training.backbone_facts import Backbone
from training.papers import PaperResult
from training.recipe import Recipe
from training.recipe_parts import Augmentation, Head, Optimizer, Stage

PAPER = PaperResult(
    title="Garbage classification by transfer learning",
    accuracy=0.93,
    split="test photos of a random 70/30 split",
    worst_precision=0.90,
    worst_recall=0.87,
    note="four groups of 6,038 photos of its own, which are not published",
)

RECIPE = Recipe(
    name="resnet50_four_groups",
    description="ResNet50 for kitchen, recyclable, other and hazardous waste.",
    backbone=Backbone.RESNET50,
    input_edge=224,
    head=Head(),
    stages=(Stage(name="all", epochs=300, trainable_groups=1, batch_norm_frozen=True, learning_rate=1e-3),),
    batch_size=32,
    split=(0.7, 0.1, 0.2),
    optimizer=Optimizer.SGD,
    momentum=0.9,
    class_weights="none",
    augmentation=Augmentation(
        zoom_fraction=0.2,
        horizontal_flip=True,
        brightness_fraction=0.2,
        saturation_fraction=0.3,
        tint_fraction=0.1,
        noise=8,
        blur_pixels=1.5,
    ),
)
