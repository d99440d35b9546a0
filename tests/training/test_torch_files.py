import pickle
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from safetensors.numpy import save_file

from tests.training.torch_writer import write_row, write_zip
from training.backbones import torch_files

STATE = {
    "conv.weight": np.arange(2 * 3 * 3 * 3, dtype=np.float32).reshape(2, 3, 3, 3),
    "bn.running_mean": np.array([0.5, -1.5], dtype=np.float32),
    "bn.num_batches_tracked": np.array([4], dtype=np.float32),
}
Write = Callable[[Path, Mapping[str, NDArray[np.float32]]], None]


@pytest.mark.parametrize("write", [write_zip, write_row])
def test_both_forms_of_a_state_dict_are_read_as_they_were_written(write: Write, tmp_path: Path) -> None:
    write(tmp_path / "weights.pth", STATE)
    tensors = torch_files.read(tmp_path / "weights.pth")
    assert set(tensors) == set(STATE)
    assert all(np.array_equal(tensors[name], tensor) for name, tensor in STATE.items())


def test_safetensors_are_read(tmp_path: Path) -> None:
    save_file(STATE, tmp_path / "weights.safetensors")
    tensors = torch_files.read(tmp_path / "weights.safetensors")
    assert all(np.array_equal(tensors[name], tensor) for name, tensor in STATE.items())
    (tmp_path / "weights.safetensors").write_bytes(b"nothing of the kind")
    with pytest.raises(ValueError, match="no safetensors file"):
        torch_files.read(tmp_path / "weights.safetensors")


class Harm:
    def __reduce__(self) -> tuple[object, ...]:
        return Path.touch, (Path("harmed"),)


def test_a_file_that_would_run_code_is_refused_and_runs_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with zipfile.ZipFile("harm.pth", "w") as archive:
        archive.writestr("archive/data.pkl", pickle.dumps({"weight": Harm()}))
    with pytest.raises(ValueError, match="which no weights need"):
        torch_files.read(Path("harm.pth"))
    Path("row.pth").write_bytes(pickle.dumps(Harm()))
    with pytest.raises(ValueError, match="which no weights need"):
        torch_files.read(Path("row.pth"))
    assert not Path("harmed").exists()


def test_a_tensor_that_reaches_over_its_storage_is_refused(tmp_path: Path) -> None:
    write_zip(tmp_path / "whole.pth", STATE)
    with zipfile.ZipFile(tmp_path / "whole.pth") as whole, zipfile.ZipFile(tmp_path / "short.pth", "w") as short:
        for name in whole.namelist():
            content = whole.read(name)
            short.writestr(name, content if name.endswith(".pkl") else content[:-4])
    with pytest.raises(ValueError, match="it is not whole"):
        torch_files.read(tmp_path / "short.pth")


@pytest.mark.parametrize("content", [b"", b"no weights", pickle.dumps([1, 2]) * 5, pickle.dumps({"a": 1})])
def test_what_is_no_state_dict_is_refused(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "weights.pth").write_bytes(content)
    with pytest.raises(ValueError, match="no state dict"):
        torch_files.read(tmp_path / "weights.pth")


def test_a_file_with_more_than_tensors_says_what_to_save(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "weights.pth", "w") as archive:
        archive.writestr("archive/data.pkl", pickle.dumps({"epoch": 3}))
    with pytest.raises(ValueError, match=r"save model\.state_dict\(\)"):
        torch_files.read(tmp_path / "weights.pth")
