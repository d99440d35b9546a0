from pathlib import Path

import pytest

from mobile_models import bundled


def test_the_newest_release_is_the_highest_number_not_the_last_name(tmp_path: Path) -> None:
    for name in ("2", "10", "9", "notes"):
        (tmp_path / name).mkdir()
    assert bundled.newest(tmp_path) == tmp_path / "10"


def test_without_a_release_it_says_where_it_looked(tmp_path: Path) -> None:
    for folder in (tmp_path, tmp_path / "missing"):
        with pytest.raises(FileNotFoundError, match="no release in"):
            bundled.newest(folder)
