"""EfficientNetV2B0 at 224, trained as well as we can: the regime of `resnet50v2_tuned`.

Head first on frozen features, then the upper two groups of the backbone with batch norm frozen.

    wastelens train efficientnet_v2_b0 --data photos/

Result: no paper of this field has one. Not measured here: needs ImageNet weights, which cannot be had on the machines
where this was developed.
"""

from training.backbone_facts import Backbone
from training.recipe import Recipe
from training.recipes.resnet50v2_tuned import with_backbone

RECIPE: Recipe = with_backbone(Backbone.EFFICIENTNET_V2_B0)
