"""AlexNet under the regime of `wastenet`, a comparison of its paper.

    wastelens train wastenet_alexnet --data photos/

Result: the paper reports 78.4 %. Not measured here: needs ImageNet weights, which cannot be had on the machines
where this was developed.
"""

from training.backbone_facts import Backbone
from training.recipes.wastenet import row

PAPER, RECIPE = row(Backbone.ALEXNET, accuracy=0.784)
