"""VGG16 under the regime of `wastenet`, a comparison of its paper.

    wastelens train wastenet_vgg16 --data photos/

Result: the paper reports 92.8 %. Not measured here: needs ImageNet weights, which cannot be had on the machines
where this was developed.
"""

from training.backbone_facts import Backbone
from training.recipes.wastenet import row

PAPER, RECIPE = row(Backbone.VGG16, accuracy=0.928)
