"""What the commands are tried on."""

from pathlib import Path

import pytest

from mobile_models.label_set import TRASHNET
from tests.pictures import jpeg


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """A folder of ten drawn pictures of each label of TrashNet."""
    for label in TRASHNET.ids:
        (tmp_path / "photos" / label).mkdir(parents=True)
        for number in range(10):
            (tmp_path / "photos" / label / f"{number}.jpg").write_bytes(jpeg(label, number, size=(48, 48)))
    return tmp_path / "photos"
