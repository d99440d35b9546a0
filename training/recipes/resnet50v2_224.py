"""`resnet50v2`, the reference, at 224 pixels: its authors tried that size too, and found it worse.

    wastelens train resnet50v2_224 --data photos/

Result: the paper gives no figure for this size. Not measured here: needs ImageNet weights, which cannot be had on the
machines where this was developed.
"""

from training.recipe import Recipe
from training.recipes.resnet50v2 import RECIPE as REFERENCE

RECIPE: Recipe = REFERENCE.with_changes(
    name="resnet50v2_224",
    description="The reference paper's ResNet50V2 at 224 pixels.",
    input_edge=224,
)
