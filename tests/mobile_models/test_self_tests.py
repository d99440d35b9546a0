import numpy as np
import pytest

from mobile_models import self_tests
from mobile_models.classifier import Classifier
from mobile_models.litert_model import ModelError
from mobile_models.self_tests import SelfTestFailed
from tests import tiny_model


def byte(seed: int, n: int) -> int:
    """The generator as its documentation writes it, in Python's own integers."""
    x = (seed + (n + 1) * 0x9E3779B9) % 2**32
    x ^= x >> 16
    x = x * 0x85EBCA6B % 2**32
    x ^= x >> 13
    x = x * 0xC2B2AE35 % 2**32
    x ^= x >> 16
    return x >> 24


@pytest.mark.parametrize("seed", [0, 1, 2, 3, 4, 5, 6, 2**32 - 1])
def test_a_picture_follows_from_its_seed_by_the_documented_arithmetic(seed: int) -> None:
    height, width = 18, 23
    picture = self_tests.picture(seed, height, width)
    assert (picture.shape, picture.dtype) == ((1, height, width, 3), np.uint8)
    size, share = (1, 2, 3, 5, 8, 13, 21, 34)[seed % 8], (0, 1, 2, 4)[seed % 4]
    for y in range(height):
        for x in range(width):
            for c in range(3):
                cell = byte(seed, ((y * size // height) * size + x * size // width) * 3 + c)
                noise = byte(seed, size * size * 3 + (y * width + x) * 3 + c)
                assert picture[0, y, x, c] == ((16 - share) * cell + share * noise) >> 4


def test_the_generator_never_changes() -> None:
    assert [byte(1, n) for n in range(6)] == [150, 18, 151, 121, 89, 205]
    assert [self_tests.picture(seed, 16, 16)[0, 5, 7].tolist() for seed in (1, 6)] == [[150, 22, 142], [64, 133, 178]]


def test_a_model_passes_its_own_self_tests() -> None:
    model = tiny_model.model_bytes()
    manifest = tiny_model.manifest(model)
    assert len({test.seed for test in manifest.self_tests}) >= 8
    self_tests.run(Classifier(model, manifest), manifest)


def test_another_model_fails_them() -> None:
    theirs = tiny_model.model_bytes(confused=True)
    manifest = tiny_model.manifest(tiny_model.model_bytes())
    with pytest.raises(SelfTestFailed, match="off by"):
        self_tests.run(Classifier(theirs, tiny_model.manifest(theirs)), manifest)


def test_a_logit_that_is_no_number_fails() -> None:
    model = tiny_model.model_bytes()
    manifest = tiny_model.manifest(model)
    first = manifest.self_tests[0].model_copy(update={"logits": (float("nan"), *manifest.self_tests[0].logits[1:])})
    with pytest.raises(SelfTestFailed):
        self_tests.run(Classifier(model, manifest), manifest.model_copy(update={"self_tests": (first,)}))


def test_the_tolerance_is_far_below_what_tells_two_pictures_apart() -> None:
    tests = self_tests.make(tiny_model.model_bytes(), 6)
    spread = np.ptp(np.array([test.logits for test in tests]), axis=0).max()
    assert tests[0].tolerance < spread / 20


def test_tests_that_cannot_tell_answers_apart_are_not_made() -> None:
    with pytest.raises(ModelError, match="cannot tell"):
        self_tests.make(tiny_model.model_bytes(), 6, seeds=[5])
