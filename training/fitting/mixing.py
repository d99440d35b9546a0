"""Mixing two training photos into one, with mixed labels.

Guarantees: what is mixed follows from the generator alone; targets stay distributions. No Keras here, so that loading
processes start quickly.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


@dataclass(frozen=True)
class Mixing:
    """Parameters of the Beta distributions that shares are drawn from; 0: not done. With both, each batch takes one."""

    mixup_alpha: float = 0
    cutmix_alpha: float = 0

    def mix(
        self, inputs: Array, targets: NDArray[np.float32], chance: np.random.Generator
    ) -> tuple[Array, NDArray[np.float32]]:
        """Return `inputs` [b, ...] and `targets` [b, k], each mixed with another one of the batch."""
        if not self.mixup_alpha and not self.cutmix_alpha:
            return inputs, targets
        partners = chance.permutation(len(inputs))
        cut = bool(self.cutmix_alpha) and (not self.mixup_alpha or chance.random() < 0.5)
        alpha = self.cutmix_alpha if cut else self.mixup_alpha
        shares = chance.beta(alpha, alpha, len(inputs)).astype(np.float32)
        if cut:
            inputs, shares = _paste(inputs, inputs[partners], shares, chance)
        else:
            inputs = _blend(inputs, inputs[partners], shares)
        own = shares[:, np.newaxis]
        return inputs, own * targets + (1 - own) * targets[partners]


def _blend(inputs: Array, others: Array, shares: NDArray[np.float32]) -> Array:
    """mixup: Zhang et al. 2018, arXiv:1710.09412, equation 1, with a share for each pair."""
    own = shares.reshape(-1, *[1] * (inputs.ndim - 1))
    blended = own * inputs + (1 - own) * others
    return np.rint(blended).astype(inputs.dtype) if inputs.dtype == np.uint8 else blended.astype(inputs.dtype)


def _paste(
    inputs: Array, others: Array, shares: NDArray[np.float32], chance: np.random.Generator
) -> tuple[Array, NDArray[np.float32]]:
    """CutMix: Yun et al. 2019, arXiv:1905.04899, section 3.1; the share is that of the pixels that really stayed."""
    height, width = inputs.shape[1:3]
    pasted, stayed = inputs.copy(), np.ones_like(shares)
    for position, share in enumerate(shares):
        rows = _span(height, float(np.sqrt(1 - share)), chance)
        columns = _span(width, float(np.sqrt(1 - share)), chance)
        pasted[position, rows, columns] = others[position, rows, columns]
        stayed[position] = 1 - (rows.stop - rows.start) * (columns.stop - columns.start) / (height * width)
    return pasted, stayed


def _span(length: int, fraction: float, chance: np.random.Generator) -> slice:
    """A stretch about a random centre, cut at the borders."""
    centre, half = int(chance.integers(length)), round(length * fraction) // 2
    return slice(max(0, centre - half), min(length, centre + half))
