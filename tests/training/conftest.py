"""A small world for training: a folder of drawn pictures, and a recipe that learns their colours in seconds."""

import csv
from pathlib import Path

import pytest

from mobile_models.label_set import TRASHNET
from tests.pictures import jpeg
from training import dataset, recipe
from training.recipe import Recipe

SHOTS_PER_OBJECT = 2
KERAS_ON_NUMPY_2 = "ignore:__array__ implementation doesn't accept a copy keyword:DeprecationWarning"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.path.is_relative_to(Path(__file__).parent):
            item.add_marker(pytest.mark.filterwarnings(KERAS_ON_NUMPY_2))


def draw_folder(folder: Path, photos_per_label: int = 20) -> Path:
    """Write `<label>/<n>.jpg` and a groups.csv that puts each two neighbours into one object."""
    rows = []
    for label in TRASHNET.ids:
        (folder / label).mkdir(parents=True)
        for number in range(photos_per_label):
            name = f"{label}/{number:03d}.jpg"
            (folder / name).write_bytes(jpeg(label, number, size=(64, 64)))
            rows.append((name, f"{label}-{number // SHOTS_PER_OBJECT}"))
    with (folder / "groups.csv").open("w", newline="") as file:
        csv.writer(file).writerows([("file", "object_group"), *rows])
    return folder


@pytest.fixture(scope="session")
def drawn_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return draw_folder(tmp_path_factory.mktemp("drawn") / "drawn")


@pytest.fixture(scope="session")
def snapshot_directory(drawn_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A snapshot directory of 120 drawn pictures: 84 to train on, 12 for validation, 24 in the holdout."""
    directory = tmp_path_factory.mktemp("snapshot")
    dataset.freeze_folder(drawn_folder, directory, TRASHNET)
    return directory


@pytest.fixture
def quick() -> Recipe:
    """`tiny` at 32 pixels in 6 epochs."""
    return recipe.load("tiny").with_changes(input_edge=32).with_epochs(6)
