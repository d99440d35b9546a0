from pathlib import Path

import keras
import numpy as np
import pytest

from training import backbones, recipe
from training.fitting.pipeline import Pictures
from training.quantization import inheritance, int8, quantize, ranges, rounding
from training.quantization.inheritance import Champion
from training.quantization.int8 import Material
from training.quantization.tflite_graph import Graph
from training.recipe import Recipe

CHANCE = np.random.default_rng(0)
OLD = CHANCE.integers(0, 200, (12, 32, 32, 3), dtype=np.uint8)
NEW = CHANCE.integers(50, 256, (12, 32, 32, 3), dtype=np.uint8)
LABELS = np.arange(12) % 6


@pytest.fixture(scope="module")
def world() -> tuple[keras.Model, Champion]:
    """A network, and the release that was made of it: with weights that plain export would not give."""
    keras.utils.set_random_seed(5)
    model = backbones.build(recipe.load("tiny").with_changes(input_edge=32), 6, "random")
    floating = quantize.float_graph(model)
    floating = ranges.write(floating, ranges.smallest_and_largest(floating, OLD))
    return model, Champion(floating, rounding.rounded(floating, quantize.integers(floating), OLD, seed=0))


def fine_tuned(model: keras.Model, layer: str) -> keras.Model:
    changed = keras.models.clone_model(model)
    changed.set_weights(model.get_weights())
    kernel = next(each for each in changed.weights if layer in each.path and "kernel" in each.path)
    kernel.assign(kernel + 0.05)
    return changed


def exported(model: keras.Model, wanted: Recipe, champion: Champion | None) -> int8.Quantized:
    new = Pictures((), NEW, LABELS)
    return int8.quantize_well(model, Material(wanted.with_changes(quantization_drop=1), new, new, 0, champion))


def differing(first: bytes, second: bytes) -> set[int]:
    """The tensors of which two files of one layout have other weights or scales."""
    own, theirs = Graph(first), Graph(second)
    assert len(first) == len(second)
    return {tensor for tensor in range(own.tensor_count) if _numbers(own, tensor) != _numbers(theirs, tensor)}


def _numbers(graph: Graph, tensor: int) -> tuple[bytes, ...]:
    values, steps = graph.constant(tensor), graph.steps(tensor)
    return tuple(each.tobytes() for each in (values, *(steps or ())) if each is not None)


def test_after_a_fine_tune_of_the_head_all_below_it_is_the_champion_s(
    quick: Recipe, world: tuple[keras.Model, Champion], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(int8, "LEAST_AGREEMENT", 0.0)
    model, champion = world
    made = exported(fine_tuned(model, "logits"), quick, champion)
    graph = Graph(made.content)
    *_, head = graph.computing
    of_the_head = {*head.inputs[1:], *head.outputs}
    assert differing(made.content, champion.integer) <= of_the_head
    assert made.report.inherited_layers == len(graph.computing) - 1
    places = [place for place, (a, b) in enumerate(zip(made.content, champion.integer, strict=True)) if a != b]
    assert 0 < len(places) < 6 * 64 + 200  # Weights of the head, its biases and its scales.


def test_without_the_champion_new_photos_would_move_the_ranges_below_too(
    quick: Recipe, world: tuple[keras.Model, Champion], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(int8, "LEAST_AGREEMENT", 0.0)
    model, champion = world
    made = exported(fine_tuned(model, "logits"), quick, None)
    assert len(differing(made.content, champion.integer)) > 8


def test_a_changed_layer_inherits_nothing_and_neither_does_what_depends_on_it(
    quick: Recipe, world: tuple[keras.Model, Champion], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(int8, "LEAST_AGREEMENT", 0.0)
    model, champion = world
    third = [layer.name for layer in model.get_layer("backbone").layers if isinstance(layer, keras.layers.Conv2D)][2]
    made = exported(fine_tuned(model, third), quick, champion)
    assert made.report.inherited_layers == 4  # Two of scaling, two convolutions.


def test_a_release_folder_has_all_that_is_inherited(world: tuple[keras.Model, Champion], tmp_path: Path) -> None:
    model, made = world
    backbones.save(model, tmp_path / "checkpoint.keras")
    (tmp_path / "model.tflite").write_bytes(made.integer)
    found = int8.champion(tmp_path)
    assert found.integer == made.integer
    assert inheritance.unchanged(made.floating, found) == set(range(len(Graph(made.floating).computing)))


def test_a_champion_of_another_network_gives_nothing(world: tuple[keras.Model, Champion]) -> None:
    _, made = world
    shorter = Graph((Path(__file__).parents[1] / "tiny_model.tflite").read_bytes())
    assert [each.name for each in shorter.computing] != [each.name for each in Graph(made.integer).computing]
    assert inheritance.unchanged(made.floating, Champion(made.floating, shorter.content)) == frozenset()
