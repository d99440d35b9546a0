"""ResNet34 under the regime of `wastenet`, a comparison of its paper.

    wastelens train wastenet_resnet34 --data photos/

Result: the paper reports 91.8 %. Not measured here: needs ImageNet weights, which cannot be had on the machines
where this was developed.
"""

from training.backbone_facts import Backbone
from training.recipes.wastenet import row

PAPER, RECIPE = row(Backbone.RESNET34, accuracy=0.918)
