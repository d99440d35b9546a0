"""ResNet101 under the regime of `wastenet`, a comparison of its paper.

    wastelens train wastenet_resnet101 --data photos/

Result: the paper reports 93.9 %. Not measured here: needs ImageNet weights, which cannot be had on the machines
where this was developed.
"""

from training.backbone_facts import Backbone
from training.recipes.wastenet import row

PAPER, RECIPE = row(Backbone.RESNET101, accuracy=0.939)
