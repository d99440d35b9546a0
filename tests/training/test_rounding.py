import numpy as np

from training import backbones
from training.quantization import quantize, ranges, rounding
from training.quantization.tflite_graph import Graph
from training.recipe import Recipe

PHOTOS = np.random.default_rng(0).integers(0, 256, (8, 32, 32, 3), dtype=np.uint8)


def test_errors_of_weights_cancel_where_inputs_go_together() -> None:
    chance = np.random.default_rng(1)
    inputs = chance.normal(size=(400, 2)) @ chance.normal(size=(2, 16)) + 0.05 * chance.normal(size=(400, 16))
    weights = chance.normal(size=(1, 4, 16)).astype(np.float32)
    scales = np.abs(weights).max(axis=2, keepdims=True) / 7  # Few steps, so that errors are large.
    best = rounding.compensated(weights, scales, (inputs.T @ inputs)[np.newaxis]) * scales
    plain = np.round(weights / scales) * scales
    lost = [np.square(inputs @ (kept - weights)[0].T).mean() for kept in (best, plain)]
    assert lost[0] < 0.3 * lost[1]


def test_rounded_weights_are_whole_and_within_int8() -> None:
    weights = np.array([[[5.0, -5.0, 0.2]]], dtype=np.float32)
    whole = rounding.compensated(weights, np.full((1, 1, 1), 0.01), np.eye(3)[np.newaxis])
    assert whole.tolist() == [[[127.0, -127.0, 20.0]]]


def test_only_weights_change_and_the_answers_come_nearer(quick: Recipe) -> None:
    floating = quantize.float_graph(backbones.build(quick, 6, "random"))
    floating = ranges.write(floating, ranges.smallest_and_largest(floating, PHOTOS))
    plain = quantize.integers(floating)
    better = rounding.rounded(floating, plain, PHOTOS, seed=0)
    changed = Graph(plain), Graph(better)
    weights = {operator.inputs[1] for operator in changed[0].computing if operator.name in rounding.WEIGHTED}
    for tensor in range(changed[0].tensor_count):
        values = [graph.constant(tensor) for graph in changed]
        assert tensor in weights or np.array_equal(*values)
    assert better != plain
    assert len(better) == len(plain)
    assert rounding.rounded(floating, plain, PHOTOS, seed=0) == better
