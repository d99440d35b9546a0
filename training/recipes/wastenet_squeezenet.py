"""SqueezeNet under the regime of `wastenet`, a comparison of its paper. The paper does not say which version: 1.1.

    wastelens train wastenet_squeezenet --data photos/

Result: the paper reports 81.1 %. Not measured here: needs ImageNet weights, which cannot be had on the machines
where this was developed.
"""

from training.backbone_facts import Backbone
from training.recipes.wastenet import row

PAPER, RECIPE = row(Backbone.SQUEEZENET, accuracy=0.811)
