"""Where a backbone's weights come from: a download that is asked for by its right name, or a file of Keras."""

from pathlib import Path
from typing import Any, NoReturn
from urllib.error import URLError

import keras
import numpy as np
import pytest
from keras.src.utils import file_utils

from training.backbone_facts import FACTS, Backbone
from training.backbones import bodies, weight_files
from training.dataset import DataError

# How Keras names its own files, where that is not the backbone's name.
KERAS_FILES = {
    Backbone.EFFICIENTNET_V2_B0: "efficientnetv2-b0_notop.h5",
    Backbone.CONVNEXT_TINY: "convnext_tiny_notop.h5",
    Backbone.MOBILENET_V2: "mobilenet_v2_weights",
    Backbone.MOBILENET_V3_LARGE: "weights_mobilenet_v3_large_224_1.0_float_no_top",
}
QUICK = (Backbone.EFFICIENTNET_V2_B0, Backbone.SQUEEZENET)
PRETRAINED = [
    pytest.param(backbone, id=backbone, marks=() if backbone in QUICK else pytest.mark.slow)
    for backbone, facts in FACTS.items()
    if facts.pretrained
]


@pytest.fixture
def no_network(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Below Keras, which makes an error of its own of it; nothing was fetched before."""

    def refuse(*_: Any, **__: Any) -> NoReturn:
        raise URLError("no network")

    monkeypatch.setattr(file_utils, "urlretrieve", refuse)
    monkeypatch.setattr(file_utils.config, "keras_home", lambda: str(tmp_path))


@pytest.mark.usefixtures("no_network")
@pytest.mark.parametrize("backbone", PRETRAINED)
def test_imagenet_weights_are_asked_for_by_their_name_and_without_a_network_a_file_is_asked_for(
    backbone: Backbone,
) -> None:
    pretrained = FACTS[backbone].pretrained
    expected = KERAS_FILES.get(backbone, f"{backbone}_weights") if pretrained == "keras" else pretrained
    with pytest.raises(DataError, match=rf"on \S*{expected}\S*: .*no network\. .*give a weights file or 'random'"):
        bodies.build(backbone, (224, 224, 3), "imagenet")  # At other sizes some of Keras' networks warn.


def test_a_damaged_download_is_thrown_away(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def damaged(fname: str, *_: Any, **__: Any) -> Path:
        (tmp_path / fname).write_bytes(b"half of it")
        return tmp_path / fname

    monkeypatch.setattr(keras.utils, "get_file", damaged)
    with pytest.raises(ValueError, match="arrived damaged"):
        weight_files.download(Backbone.ALEXNET)
    assert not list(tmp_path.iterdir())


def tiny() -> keras.Model:
    return bodies.build(Backbone.TINY, (32, 32, 3), "random")


@pytest.mark.parametrize("whole", [True, False])
def test_a_saved_network_gives_its_backbone(whole: bool, tmp_path: Path) -> None:
    saved = tiny()
    photo = keras.Input((32, 32, 3))
    model = keras.Model(photo, keras.layers.GlobalAveragePooling2D()(saved(photo))) if whole else saved
    model.save(tmp_path / "weights.keras")
    loaded = bodies.build(Backbone.TINY, (32, 32, 3), str(tmp_path / "weights.keras"))
    for ours, theirs in zip(loaded.get_weights(), saved.get_weights(), strict=True):
        assert np.array_equal(ours, theirs)


@pytest.mark.parametrize("name", ["weights.keras", "weights.h5"])
def test_a_file_with_wrong_bytes_in_it_is_refused_wherever_they_are(name: str, tmp_path: Path) -> None:
    tiny().save(tmp_path / name)
    whole = (tmp_path / name).read_bytes()
    refused = 0
    for start in range(0, len(whole), len(whole) // 12):
        damaged = whole[:start] + bytes(byte ^ 0xFF for byte in whole[start : start + 60]) + whole[start + 60 :]
        (tmp_path / name).write_bytes(damaged)
        try:
            bodies.build(Backbone.TINY, (32, 32, 3), str(tmp_path / name))
        except DataError:
            refused += 1
    assert refused > 0, "HDF5 has no checksums, so weights may be wrong; an archive has"


def test_a_saved_network_that_does_not_fit_names_the_first_layer(tmp_path: Path) -> None:
    picture = keras.Input((32, 32, 3))
    short = keras.Model(picture, keras.layers.Conv2D(16, 3, padding="same", use_bias=False, name="first")(picture))
    short.save(tmp_path / "short.keras")
    with pytest.raises(DataError, match="it has no layer for batch_normalization"):
        bodies.build(Backbone.TINY, (32, 32, 3), str(tmp_path / "short.keras"))
    other = keras.Model(picture, keras.layers.Conv2D(8, 3, name="eight")(picture))
    other.save(tmp_path / "other.keras")
    with pytest.raises(DataError, match="its layer eight does not fit layer conv2d"):
        bodies.build(Backbone.TINY, (32, 32, 3), str(tmp_path / "other.keras"))
