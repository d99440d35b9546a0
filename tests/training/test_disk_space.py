import errno
from pathlib import Path

import pytest

from training import disk_space
from training.dataset import DataError


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
def test_a_disk_that_fills_up_says_what_is_needed_and_what_is_free(tmp_path: Path, number: int) -> None:
    with (
        pytest.raises(DataError, match=r"is full: the checkpoint needs 2,500,000 bytes, and [\d,]+ are free"),
        disk_space.needing(tmp_path, 2_500_000, "the checkpoint"),
    ):
        raise OSError(number, "no space")


def test_other_errors_stay_what_they_are(tmp_path: Path) -> None:
    with pytest.raises(PermissionError), disk_space.needing(tmp_path, 1, "the checkpoint"):
        raise PermissionError(errno.EACCES, "not yours")
