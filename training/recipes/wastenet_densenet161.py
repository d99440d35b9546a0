"""DenseNet161 under the regime of `wastenet`, a comparison of its paper. torchvision's weights.

    wastelens train wastenet_densenet161 --data photos/

Result: the paper reports 91.3 %. Not measured here: needs ImageNet weights, which cannot be had on the machines
where this was developed.
"""

from training.backbone_facts import Backbone
from training.recipes.wastenet import row

PAPER, RECIPE = row(Backbone.DENSENET161, accuracy=0.913)
