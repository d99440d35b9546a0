"""What exactly is fed to a model, fixed to the pixel.

Guarantees: training, server and phones feed the same array for the same photo. The filter is pure
integer arithmetic, so another implementation (see `docs/published-format.md`) reaches the same values.
"""

from typing import Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from pydantic import Field

from mobile_models.document import Document


class InputSpec(Document):
    """An upright sRGB photo is cropped, resized and fed as uint8 [1, height, width, 3], RGB, 0 to 255."""

    width: int = Field(ge=16, le=2048)
    height: int = Field(ge=16, le=2048)
    crop: Literal["none", "centre_square"] = Field(
        default="none", description="none: the whole photo is stretched; centre_square: its largest centred square"
    )
    filter: Literal["triangle22"] = Field(
        default="triangle22",
        description="antialiasing triangle filter, weights rounded to 22 fractional bits, "
        "horizontal pass first, each pass rounded to uint8",
    )

    def prepare(self, image: Image.Image) -> NDArray[np.uint8]:
        """Return uint8 [1, height, width, 3] of an upright RGB `image` of any size."""
        if image.mode != "RGB":
            raise ValueError(f"expected an RGB image, got mode {image.mode}")
        left, top, right, bottom = self._crop_box(image)
        # One pass at a time: Pillow 13 would begin with whichever is cheaper, and then round differently.
        across = image.resize((self.width, image.height), Image.Resampling.BILINEAR, (left, 0, right, image.height))
        fed = across.resize((self.width, self.height), Image.Resampling.BILINEAR, (0, top, self.width, bottom))
        return np.asarray(fed, dtype=np.uint8)[np.newaxis]

    def _crop_box(self, image: Image.Image) -> tuple[int, int, int, int]:
        if self.crop == "none":
            return (0, 0, image.width, image.height)
        side = min(image.size)
        left, top = (image.width - side) // 2, (image.height - side) // 2
        return (left, top, left + side, top + side)
