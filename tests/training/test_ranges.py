import numpy as np
import pytest

from training import backbones
from training.quantization import quantize, ranges
from training.quantization.ranges import Range
from training.quantization.tflite_graph import Graph
from training.recipe import Recipe

PHOTOS = np.random.default_rng(0).integers(0, 256, (6, 32, 32, 3), dtype=np.uint8)


@pytest.fixture
def floating(quick: Recipe) -> bytes:
    return quantize.float_graph(backbones.build(quick, 6, "random"))


def test_the_range_of_a_tensor_that_is_overwritten_in_place_is_its_own(floating: bytes) -> None:
    """The photo times 2/255 lies in 0 to 2; the addition of -1 after it works in place."""
    scaled = Graph(floating).computing[0].outputs[0]
    assert ranges.smallest_and_largest(floating, PHOTOS)[scaled] == pytest.approx((0.0, 2.0))


def test_outliers_are_cut_where_finer_steps_are_worth_more() -> None:
    counts = np.zeros(2048, dtype=np.int64)
    counts[:40] = 100_000  # Nearly all values are small,
    counts[-1] = 1  # and one is not.
    low, high = ranges.best_cut((0.0, 100.0), counts)
    assert low == 0.0
    assert high < 50


def test_even_values_are_not_cut() -> None:
    low, high = ranges.best_cut((-1.0, 1.0), np.ones(2048, dtype=np.int64))
    assert (low, high) == (pytest.approx(-1.0, abs=0.03), pytest.approx(1.0, abs=0.03))


def test_ranges_are_written_where_the_converter_reads_them(floating: bytes) -> None:
    wide: dict[int, Range] = dict.fromkeys(Graph(floating).ranges(), (-4.0, 4.0))
    graph = Graph(quantize.integers(ranges.write(floating, wide)))
    steps = [graph.steps(operator.outputs[0]) for operator in graph.computing]
    assert all(each is not None and each[0][0] == pytest.approx(8 / 255) for each in steps)


def test_raw_pixels_go_in_whatever_the_photos_show(floating: bytes) -> None:
    dark = ranges.smallest_and_largest(floating, PHOTOS // 4)
    graph = Graph(quantize.integers(ranges.write(floating, dark)))
    taken = graph.steps(graph.inputs[0])
    assert taken is not None
    assert (taken[0].tolist(), taken[1].tolist()) == ([1.0], [0])
