"""Weights of torchvision in our backbones; that they then compute the same is told in docs/training.md."""

from pathlib import Path

import keras
import numpy as np
import pytest
from numpy.typing import NDArray

from mobile_models.document import sha256
from tests.training.torch_writer import write_row, write_zip
from training import recipe
from training.backbone_facts import FACTS, Backbone
from training.backbones import bodies, network, torch_layers, torch_weights
from training.dataset import DataError
from training.recipe import RecipeError

State = dict[str, NDArray[np.float32]]
SLOW = pytest.mark.slow
# SHA-256 of the sorted "name [shape]" of torchvision's own state dicts, without classifiers.
TORCHVISION = [
    pytest.param(Backbone.ALEXNET, "b17c61a06ac1fa6e23b7d62b4fd23dd05a5088cc1bc942247e0a2ecb5826485d"),
    pytest.param(Backbone.SQUEEZENET, "644598888bad5eb070eb7a81e6392bc29c5b16322c2333ede31b344b30720059"),
    pytest.param(Backbone.GOOGLENET, "a9a02176c1965feca127d5d835a80742ca5c2fe04f2edabcfadf42e82ba64d0e"),
    pytest.param(Backbone.RESNET18, "804c0cdcc273681aa53e83c1b6570b56c2765b4ebedc143f58a403008b2609db"),
    pytest.param(Backbone.VGG16, "cf70e16bc5eff25b516b0fe9225a38abec1c5e30fd09609bc97155d7727283ba"),
    pytest.param(Backbone.VGG19, "a580df3890687a473df49955de74cfda541c92a251acecfd63ea50df184fecf0", marks=SLOW),
    pytest.param(Backbone.RESNET34, "a73a85199e3729c5dedc05dda9bda6958694d5f82fb6f67433ca00b6d073a276", marks=SLOW),
    pytest.param(Backbone.DENSENET121, "e25c2216629507b2c4a2a31d7751f6aa01093f08dc806d5d4a8ef633c4d853ba", marks=SLOW),
    pytest.param(Backbone.DENSENET161, "1165655d1e41e647908e0dc4da2be8913476996d49f3e4b80af7152c6ffeaa1e", marks=SLOW),
    pytest.param(Backbone.DENSENET169, "c7b5c37294494ac32a1aa44616e9348a459db491d4447603676f3e7e6b9a353e", marks=SLOW),
    pytest.param(Backbone.DENSENET201, "9905b56c32171ee99fec2b0484a7d02c5fe8577a70186ec8de25d100cd60e452", marks=SLOW),
]


def torch_state(body: keras.Model, backbone: Backbone) -> State:
    """Random weights by torchvision's names and in PyTorch's order of axes."""
    chance = np.random.default_rng(0)
    state = {}
    for layer in body.layers:
        for part, weight in zip(torch_weights._parts(layer) if layer.weights else (), layer.weights, strict=True):
            shape = tuple(weight.shape)
            shape = (shape[3], shape[2], *shape[:2]) if len(shape) == 4 else shape
            name = f"{torch_weights._names(backbone)(layer.name)}.{part}"
            state[name] = chance.uniform(0.01, 0.1, shape).astype(np.float32)
    return state


def empty(backbone: Backbone) -> keras.Model:
    edge = FACTS[backbone].minimum_edge
    return bodies.build(backbone, (edge, edge, 3), "random")


@pytest.fixture(scope="module")
def squeezenet() -> keras.Model:
    return empty(Backbone.SQUEEZENET)


@pytest.mark.parametrize(("backbone", "expected"), TORCHVISION, ids=lambda each: str(each)[:20])
def test_layers_have_torchvisions_names_and_shapes(backbone: Backbone, expected: str) -> None:
    state = torch_state(empty(backbone), backbone)
    lines = [f"{name} {list(tensor.shape)}" for name, tensor in sorted(state.items())]
    assert sha256("\n".join(lines).encode()) == expected


def test_a_kernel_is_turned_and_a_batch_norm_keeps_its_order(tmp_path: Path) -> None:
    body = empty(Backbone.RESNET18)
    state = torch_state(body, Backbone.RESNET18)
    classifier = {"fc.weight": np.zeros((1000, 512), np.float32), "bn1.num_batches_tracked": np.zeros(1, np.float32)}
    write_row(tmp_path / "resnet18.pth", state | classifier)
    torch_weights.load(body, Backbone.RESNET18, tmp_path / "resnet18.pth")
    (kernel,) = body.get_layer("layer2.0.conv1").get_weights()
    assert np.array_equal(kernel, np.einsum("oihw->hwio", state["layer2.0.conv1.weight"]))
    parts = ("weight", "bias", "running_mean", "running_var")
    for value, part in zip(body.get_layer("layer3.0.downsample.1").get_weights(), parts, strict=True):
        assert np.array_equal(value, state[f"layer3.0.downsample.1.{part}"])


def test_the_older_names_of_densenet_fit() -> None:
    older = "features.denseblock2.denselayer12.norm.2.running_mean"
    newer = torch_weights._OLD_DENSENET_NAME.sub(r"\1\2.", older)
    assert newer == "features.denseblock2.denselayer12.norm2.running_mean"


def test_the_first_layer_that_does_not_fit_is_named(squeezenet: keras.Model, tmp_path: Path) -> None:
    whole, file = torch_state(squeezenet, Backbone.SQUEEZENET), tmp_path / "weights.pth"
    lacking = {name: tensor for name, tensor in whole.items() if name != "features.4.squeeze.bias"}
    other = whole | {"features.0.weight": np.zeros((64, 3, 5, 5), np.float32)}
    more = whole | {"features.13.weight": np.zeros(1, np.float32)}
    for state, message in (
        (lacking, r"it has no features\.4\.squeeze\.bias for layer features\.4\.squeeze"),
        (other, r"features\.0\.weight has the shape .*5, 5.*, but layer features\.0 takes"),
        (more, r"features\.13\.weight belongs to no layer of squeezenet"),
    ):
        write_zip(file, state)
        with pytest.raises(ValueError, match=message):
            torch_weights.load(squeezenet, Backbone.SQUEEZENET, file)


def test_a_weights_file_of_torchvision_starts_a_run(tmp_path: Path, squeezenet: keras.Model) -> None:
    wanted = recipe.load("wastenet_squeezenet").with_changes(input_edge=32)
    state = torch_state(squeezenet, Backbone.SQUEEZENET)
    write_zip(tmp_path / "squeezenet.pth", state)
    built = network.build(wanted, 6, str(tmp_path / "squeezenet.pth")).get_layer("backbone")
    assert np.array_equal(built.get_layer("features.0").get_weights()[1], state["features.0.bias"])
    del state["features.0.bias"]
    write_zip(tmp_path / "squeezenet.pth", state)
    with pytest.raises(DataError, match=r"no features\.0\.bias"):
        network.build(wanted, 6, str(tmp_path / "squeezenet.pth"))


def test_torchvisions_resnet50_is_another_network_than_keras(tmp_path: Path) -> None:
    write_zip(tmp_path / "weights.pth", {"conv1.weight": np.zeros((64, 3, 7, 7), np.float32)})
    with pytest.raises(ValueError, match="another network than Keras'"):
        torch_weights.load(keras.Sequential(), Backbone.RESNET50, tmp_path / "weights.pth")


def test_torchvisions_vgg_needs_torchvisions_scaling(tmp_path: Path) -> None:
    write_zip(tmp_path / "vgg16.pth", {"features.0.bias": np.zeros(64, np.float32)})
    with pytest.raises(RecipeError, match=r"scaling: .* imagenet_normal"):
        network.build(recipe.load("wastenet_vgg16"), 6, str(tmp_path / "vgg16.pth"))


def pytorch_convolution(photo: NDArray[np.float32], kernel: NDArray[np.float32], stride: int) -> NDArray[np.float32]:
    """3x3 with a padding of 1 as PyTorch defines it, in loops: photo [H, W, C], kernel [out, in, 3, 3]."""
    padded = np.pad(photo, ((1, 1), (1, 1), (0, 0)))
    edge = (photo.shape[0] - 1) // stride + 1
    found = np.zeros((edge, edge, kernel.shape[0]), np.float32)
    for row in range(edge):
        for column in range(edge):
            window = padded[row * stride : row * stride + 3, column * stride : column * stride + 3]
            found[row, column] = np.einsum("hwc,ochw->o", window, kernel)
    return found


@pytest.mark.parametrize("edge", [7, 8])
@pytest.mark.parametrize("stride", [1, 2])
def test_a_convolution_pads_as_pytorch_does(edge: int, stride: int) -> None:
    chance = np.random.default_rng(0)
    photo = chance.normal(size=(edge, edge, 2)).astype(np.float32)
    kernel = chance.normal(size=(4, 2, 3, 3)).astype(np.float32)
    picture = keras.Input((edge, edge, 2))
    features = torch_layers.convolution(picture, "conv", 4, 3, stride=stride, padding=1, bias=False)
    model = keras.Model(picture, features)
    model.get_layer("conv").set_weights([kernel.transpose(2, 3, 1, 0)])
    found = keras.ops.convert_to_numpy(model(photo[np.newaxis]))[0]
    assert np.allclose(found, pytorch_convolution(photo, kernel, stride), atol=1e-5)


@pytest.mark.parametrize(("edge", "expected"), [(5, [12, 14, 22, 24]), (6, [14, 16, 17, 26, 28, 29, 32, 34, 35])])
def test_a_pooling_that_is_rounded_up_reaches_over_the_edge(edge: int, expected: list[int]) -> None:
    picture = keras.Input((edge, edge, 1))
    model = keras.Model(picture, torch_layers.pool_rounded_up(picture, "pool"))
    counted = np.arange(edge * edge, dtype=np.float32).reshape(1, edge, edge, 1)
    assert keras.ops.convert_to_numpy(model(counted)).ravel().tolist() == expected
