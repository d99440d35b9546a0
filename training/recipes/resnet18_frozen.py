"""Forty classes: "Junk Identification and Sorting", its ResNet18.

The body is frozen and its last layer replaced; SGD (which beat Adam) at 0.003, batches of 32, 10 rounds; centre crop,
rotation, standardisation; 40 classes in four groups, as pairs of an image and a text with its name and number; 80 %
for training. It does not say the momentum, how far photos are turned, or the size of the input: 0.9, 30 degrees, 224.
Of its 20 % one half chooses our best epoch, and the other is a holdout that selects nothing, which the paper does not
have. The backbone never learns, so random weights are refused unless asked for (`--weights random_frozen`).

    wastelens train resnet18_frozen --data junk/
    wastelens train resnet18_frozen --data junk/ --weights resnet18-f37072fd.pth

Result: the paper reports 95.79 % after 10 rounds (91 of 95 photos, so surely of a subset) and 70 % after two. Not
measured here: needs ImageNet weights, which cannot be had on the machines where this was developed.
"""

from training.backbone_facts import Backbone, Scaling
from training.papers import PaperResult
from training.recipe import Recipe
from training.recipe_parts import Augmentation, Head, Optimizer, Stage

PAPER = PaperResult(
    title="Junk Identification and Sorting",
    accuracy=0.9579,
    split="test photos of a random 80/20 split",
    note="91 of 95 photos after 10 rounds, surely a subset; 0.70 after two",
)

RECIPE = Recipe(
    name="resnet18_frozen",
    description="ResNet18 whose body is frozen: only a last layer is learned.",
    backbone=Backbone.RESNET18,
    input_edge=224,
    crop="centre_square",
    scaling=Scaling.IMAGENET_NORMAL,
    head=Head(),
    stages=(Stage(name="head", epochs=10, batch_norm_frozen=True, learning_rate=0.003),),
    batch_size=32,
    split=(0.8, 0.1, 0.1),
    optimizer=Optimizer.SGD,
    momentum=0.9,
    class_weights="none",
    augmentation=Augmentation(rotation_degrees=30),
)
