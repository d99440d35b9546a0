import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from training import recipe
from training.fitting import devices
from training.recipe import RecipeError

ROOT = Path(__file__).parents[2]


def on_two_devices(backend: str, snapshot: Path, folder: Path) -> dict[str, Any]:
    environment = os.environ | {
        "KERAS_BACKEND": backend,
        "PYTHONPATH": str(ROOT),
        "XLA_FLAGS": "--xla_force_host_platform_device_count=2",
        "TF_CPP_MIN_LOG_LEVEL": "2",
    }
    script = [] if backend == "jax" else ["-c", TWO_LOGICAL_DEVICES]
    command = [
        sys.executable,
        *(script or [str(Path(__file__).with_name("on_two_devices.py"))]),
        str(snapshot),
        str(folder),
    ]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    told: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return told


TWO_LOGICAL_DEVICES = f"""
import runpy, sys
import tensorflow as tf
cpu = tf.config.list_physical_devices("CPU")[0]
tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
sys.argv[0] = {str(Path(__file__).with_name("on_two_devices.py"))!r}
runpy.run_path(sys.argv[0], run_name="__main__")
"""


def test_two_devices_of_jax_learn_what_one_learns(snapshot_directory: Path, tmp_path: Path) -> None:
    """Batch norm sees the whole batch there, so only the order of sums differs."""
    told = on_two_devices("jax", snapshot_directory, tmp_path)
    assert told["devices"] == ["cpu:0", "cpu:1"]
    assert told["placed_on"] == 2
    assert told["losses"] == pytest.approx(told["losses_alone"], rel=1e-3)
    assert told["farthest"] < 1e-2
    assert told["predicted"] == [7, 6]
    assert told["saved_differs"] < 1e-4
    assert told["single_differs"] < 1e-4


@pytest.mark.slow
def test_two_devices_of_tensorflow_learn_together(snapshot_directory: Path, tmp_path: Path) -> None:
    """Each computes batch norm on its own half of a batch, so the weights differ from those of one device."""
    told = on_two_devices("tensorflow", snapshot_directory, tmp_path)
    assert len(told["devices"]) == 2
    assert told["replicas"] == "MirroredVariable"
    assert told["losses"][-1] < told["losses"][0]
    assert told["predicted"] == [7, 6]
    assert told["saved_differs"] < 1e-4
    assert told["single_differs"] < 1e-4


def test_a_batch_that_devices_cannot_share_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(devices, "names", lambda: ["gpu:0", "gpu:1", "gpu:2"])
    with (
        pytest.raises(RecipeError, match="batch_size: 3 devices cannot share batches of 16 equally"),
        devices.shared(recipe.load("tiny")),
    ):
        pass


def test_one_device_shares_with_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(devices, "names", lambda: ["gpu:0"])
    with devices.shared(recipe.load("tiny").with_changes(batch_size=17)):
        pass


def test_loading_processes_stand_beside_an_accelerator_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "cpu_count", lambda: 8)
    monkeypatch.setattr(devices, "names", lambda: ["gpu:0"])
    assert devices.loaders(None) == 7
    monkeypatch.setattr(devices, "names", lambda: ["cpu:0"])
    assert devices.loaders(None) == 0
    assert devices.loaders(3) == 3
