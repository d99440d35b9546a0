"""Self-tests: a phone proves that a model answers on it as it did where it was made, without anybody's photo.

Guarantees: the input of a test follows from its seed by the integer arithmetic below alone, so that every
implementation makes the same picture. All arithmetic is modulo 2**32:

    mix(x):  x ^= x >> 16;  x *= 0x85EBCA6B;  x ^= x >> 13;  x *= 0xC2B2AE35;  x ^= x >> 16
    byte(n) = mix(seed + (n + 1) * 0x9E3779B9) >> 24

(the finaliser of MurmurHash3, by Austin Appleby, public domain, over a Weyl sequence). The picture is a board of
`size` x `size` colours under noise. Size and share of the noise change with the seed, because a trained network gives
nearly the same logits to all boards of one kind:

    size  = [1, 2, 3, 5, 8, 13, 21, 34][seed % 8]
    share = [0, 1, 2, 4][seed % 4]          (sixteenths)

For row y, column x and channel c of a picture of `height` and `width`:

    cell  = byte(((y * size // height) * size + x * size // width) * 3 + c)
    noise = byte(size * size * 3 + (y * width + x) * 3 + c)
    value = ((16 - share) * cell + share * noise) >> 4
"""

from collections.abc import Iterable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mobile_models.classifier import Classifier
from mobile_models.litert_model import LiteRtModel, ModelError
from mobile_models.manifest import ReleaseManifest, SelfTest

SEEDS = tuple(range(1, 9))
_BOARD_SIZES = (1, 2, 3, 5, 8, 13, 21, 34)
_NOISE_SIXTEENTHS = (0, 1, 2, 4)


class SelfTestFailed(Exception):
    """The model answers otherwise here than where it was made; do not use it here."""


def picture(seed: int, height: int, width: int) -> NDArray[np.uint8]:
    """Return the input of `seed` as uint8 [1, height, width, 3]."""
    size, share = _BOARD_SIZES[seed % 8], np.uint32(_NOISE_SIXTEENTHS[seed % 4])
    rows, columns = np.arange(height) * size // height, np.arange(width) * size // width
    board = _bytes(seed, 0, size * size * 3).reshape(size, size, 3)
    noise = _bytes(seed, size * size * 3, height * width * 3).reshape(height, width, 3)
    mixed: NDArray[np.uint32] = (
        (np.uint32(16) - share) * board[rows[:, None], columns[None, :]] + share * noise
    ) >> np.uint32(4)
    return mixed.astype(np.uint8)[np.newaxis]


def make(model: bytes | Path, label_count: int, seeds: Iterable[int] = SEEDS) -> tuple[SelfTest, ...]:
    """Return self-tests of a model of the published format, with the answers of the kernels that phones use.

    The tolerance: an int8 network rounds after each layer, and kernels (XNNPACK, the portable ones, other
    processors) round halves differently. How far that moves the logits of this model is measured here, as the
    largest difference between XNNPACK and the portable kernels; twice that, and at least 0.05, is allowed.
    Raise `ModelError` where that would also accept the answers to another picture: then the tests prove nothing.
    """
    fast = LiteRtModel(model, label_count)
    portable = LiteRtModel(model, label_count, reference_kernels=True)
    _, height, width, _ = fast.input_shape
    inputs = {seed: picture(seed, height, width) for seed in seeds}
    answers = {seed: fast.run(each)[0] for seed, each in inputs.items()}
    moved = max(float(np.abs(portable.run(each)[0] - answers[seed]).max()) for seed, each in inputs.items())
    tolerance = max(0.05, 2 * moved)
    logits_of_all = np.stack(list(answers.values()))
    spread = float(np.max(np.max(logits_of_all, axis=0) - np.min(logits_of_all, axis=0)))
    if not np.isfinite(spread) or spread <= 2 * tolerance:
        raise ModelError(f"self-tests cannot tell this model's answers apart: spread {spread}, tolerance {tolerance}")
    return tuple(
        SelfTest(seed=seed, logits=tuple(map(float, logits)), tolerance=tolerance) for seed, logits in answers.items()
    )


def run(classifier: Classifier, manifest: ReleaseManifest) -> None:
    """Raise `SelfTestFailed` at the first self-test of `manifest` that `classifier` does not pass."""
    spec = manifest.input_spec
    for test in manifest.self_tests:
        logits, _ = classifier.logits(picture(test.seed, spec.height, spec.width))
        difference = np.abs(logits - np.asarray(test.logits, dtype=np.float32))
        if not bool((difference <= test.tolerance).all()):  # Also when a logit is not a number.
            raise SelfTestFailed(f"seed {test.seed}: off by {difference.max():.4g}, allowed {test.tolerance:.4g}")


def _bytes(seed: int, start: int, count: int) -> NDArray[np.uint32]:
    counters = np.arange(start + 1, start + count + 1, dtype=np.uint32)
    mixed = counters * np.uint32(0x9E3779B9) + np.uint32(seed)
    mixed ^= mixed >> np.uint32(16)
    mixed *= np.uint32(0x85EBCA6B)
    mixed ^= mixed >> np.uint32(13)
    mixed *= np.uint32(0xC2B2AE35)
    mixed ^= mixed >> np.uint32(16)
    return mixed >> np.uint32(24)
