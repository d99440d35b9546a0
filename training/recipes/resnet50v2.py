"""The reference: "Waste Classification Using Fine-Tune ResNet50V2", as its authors trained it.

One stage: the head and the last 38 layers of the backbone together, from the start, batch norm included; pixels
divided by 255 (although the ImageNet weights expect -1 to 1), Keras' ImageDataGenerator changes, balanced class
weights, Adam at 1e-3, ReduceLROnPlateau and EarlyStopping and ModelCheckpoint on validation accuracy. The paper does
not say the hidden units, the batch size, the epochs, or the patience: 256, 32, 50, and Keras' customary 5 and 10.
`shear_degrees`: their generator takes 0.05 as degrees, so it hardly shears.

    wastelens train resnet50v2 --data photos/

The paper's 80/20 has validation photos only, which also chose the epoch; of its 20 % one half is validation here, and
the other a holdout that selects nothing. At 224, which its authors found worse: `resnet50v2_224`.

Result: the paper reports 90.51 % on its validation photos; train about 90 against validation about 80 on average, with
spikes of the loss; metal, paper and trash weakest. Not measured here: needs ImageNet weights, which cannot be had on
the machines where this was developed; what was trained from random weights stands in docs/training-log.md.
"""

from training.backbone_facts import Backbone, Scaling
from training.papers import PaperResult
from training.recipe import Recipe
from training.recipe_parts import Augmentation, Head, Optimizer, Schedule, Stage

PAPER = PaperResult(
    title="Waste Classification Using Fine-Tune ResNet50V2",
    accuracy=0.9051,
    split="validation photos of a random 80/20 split",
    note="the validation photos also chose the epoch",
)

RECIPE = Recipe(
    name="resnet50v2",
    description="The reference paper's one-stage fine-tuning of ResNet50V2, faithfully.",
    backbone=Backbone.RESNET50V2,
    input_edge=384,
    scaling=Scaling.ZERO_TO_ONE,
    head=Head(batch_norm=True, dense_units=256, dropout=0.5),
    stages=(
        Stage(
            name="all",
            epochs=50,
            trainable_layers=38,
            batch_norm_frozen=False,
            learning_rate=1e-3,
            schedule=Schedule.PLATEAU,
            plateau_factor=0.2,
            plateau_patience=5,
            stop_patience=10,
        ),
    ),
    batch_size=32,
    split=(0.8, 0.1, 0.1),
    optimizer=Optimizer.ADAM,
    class_weights="balanced",
    augmentation=Augmentation(
        rotation_degrees=45,
        shift_fraction=0.15,
        zoom_fraction=0.15,
        shear_degrees=0.05,
        horizontal_flip=True,
        vertical_flip=True,
        channel_shift=10,
        brightness_fraction=0.1,
    ),
    monitor="accuracy",
)
