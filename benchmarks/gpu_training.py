"""Training ResNet50V2 with all its layers: our loop beside an ordinary PyTorch loop with ResNet50, in one run.

    KERAS_BACKEND=jax python benchmarks/gpu_training.py --edge 384 --batch-size 64 --photos 4096

Both arms get the same uint8 photos from one memory-mapped file, turn, flip and light them at random in processes of
their own, and compute in bfloat16. Prints photos per second, the ratio, and the share of the time in which ours waited
for data. Needs PyTorch and torchvision beside Keras, which Wastelens itself does not. Made for a GPU; on a CPU it runs
with `--edge 64 --photos 64 --batch-size 8`, and says nothing.
"""

import argparse
import os
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from mobile_models.document import Sha256, sha256
from training import backbones, recipe
from training.dataset import SnapshotPhoto, Split
from training.fitting import devices
from training.fitting.fit import Fit, Task
from training.fitting.pipeline import Pictures
from training.recipe import RANDOM, Recipe

LABELS = 6
WARM_EPOCHS, TIMED_EPOCHS = 1, 2


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--edge", type=int, default=384)
    parser.add_argument("--batch-size", type=int, default=64)
    parser.add_argument("--photos", type=int, default=4096)
    parser.add_argument("--loaders", type=int, default=max(1, (os.cpu_count() or 1) - 1))
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        pixels = photos(Path(folder) / "pixels.npy", given.photos, given.edge)
        theirs = pytorch(pixels, given.batch_size, given.loaders)
        ours, waiting = keras_loop(pixels, wanted(given.edge, given.batch_size), given.loaders, Path(folder))
    print(f"devices: {', '.join(devices.names())}; {given.loaders} loading processes")
    print(f"PyTorch ResNet50 {theirs:8.1f} photos/s")
    print(f"ours, ResNet50V2 {ours:8.1f} photos/s, {ours / theirs:.2f} times; {waiting:.1%} of the time without data")


def photos(file: Path, count: int, edge: int) -> np.ndarray:
    """Write random pictures; what they show does not change the time. Return uint8 [count, edge, edge, 3]."""
    written = np.lib.format.open_memmap(file, mode="w+", dtype=np.uint8, shape=(count, edge, edge, 3))
    chance = np.random.default_rng(0)
    for position in range(count):
        written[position] = chance.integers(0, 256, (edge, edge, 3), dtype=np.uint8)
    written.flush()
    return np.load(file, mmap_mode="r")


def wanted(edge: int, batch_size: int) -> Recipe:
    tuned = recipe.load("resnet50v2_tuned")
    stage = tuned.stages[-1].model_copy(
        update={"epochs": WARM_EPOCHS + TIMED_EPOCHS, "trainable_layers": 190, "batch_norm_frozen": False}
    )
    return tuned.with_changes(input_edge=edge, batch_size=batch_size, stages=(stage,), precision="mixed_bfloat16")


def keras_loop(pixels: np.ndarray, asked: Recipe, loaders: int, folder: Path) -> tuple[float, float]:
    """Return photos per second of our fit, and the share of its time in which it waited for data."""
    train, validation = labelled(pixels), labelled(pixels[: asked.batch_size])
    task = Task(asked, train, validation, 0, sha256(b"benchmark"))
    with devices.shared(asked):
        fitted = Fit(backbones.build(asked, LABELS, RANDOM), task, folder / "fit", lambda _: None, loaders=loaders)
        fitted.run()
    timed = fitted.state.epochs[WARM_EPOCHS:]
    seconds = sum(epoch.seconds for epoch in timed)
    shown = len(timed) * (len(train) // asked.batch_size) * asked.batch_size
    return shown / seconds, sum(epoch.data_seconds or 0.0 for epoch in timed) / seconds


def labelled(pixels: np.ndarray) -> Pictures:
    labels = np.arange(len(pixels)) % LABELS
    named = tuple(
        SnapshotPhoto(sha256=Sha256(f"{position:064x}"), label="metal", split=Split.TRAIN, group=str(position))
        for position in range(len(pixels))
    )
    return Pictures(named, pixels, labels)


def pytorch(pixels: np.ndarray, batch_size: int, loaders: int) -> float:
    """Return photos per second of the loop that one writes with PyTorch and torchvision."""
    import torch  # noqa: PLC0415  # Not a dependency of ours: only this benchmark asks for it.
    import torchvision  # noqa: PLC0415
    from torch.utils.data import DataLoader  # noqa: PLC0415

    device = "cuda" if torch.cuda.is_available() else "cpu"
    loader: Any = DataLoader(
        TorchPhotos(pixels), batch_size, shuffle=True, num_workers=loaders, drop_last=True, persistent_workers=True
    )
    model = torchvision.models.resnet50(num_classes=LABELS).to(device, memory_format=torch.channels_last)
    optimizer = torch.optim.AdamW(model.parameters(), 1e-4)
    for epoch in range(WARM_EPOCHS + TIMED_EPOCHS):
        if epoch == WARM_EPOCHS:
            started = time.monotonic()
        for pictures, labels in loader:
            batch = pictures.to(device, non_blocking=True).float().div(127.5).sub(1)
            with torch.autocast(device, dtype=torch.bfloat16):
                logits = model(batch.contiguous(memory_format=torch.channels_last))
            torch.nn.functional.cross_entropy(logits.float(), labels.to(device)).backward()
            optimizer.step()
            optimizer.zero_grad()
        if device == "cuda":
            torch.cuda.synchronize()
    return TIMED_EPOCHS * (len(pixels) // batch_size) * batch_size / (time.monotonic() - started)


class TorchPhotos:
    """A data set as PyTorch takes it, with torchvision's changes of about the recipe's kind and strength."""

    def __init__(self, pixels: np.ndarray) -> None:
        from torchvision.transforms import v2  # noqa: PLC0415

        self._pixels = pixels
        self._changes = v2.Compose(
            [
                v2.RandomAffine(
                    180, translate=(0.1, 0.1), scale=(0.8, 1.2), interpolation=v2.InterpolationMode.BILINEAR
                ),
                v2.RandomHorizontalFlip(),
                v2.RandomVerticalFlip(),
                v2.ColorJitter(brightness=0.2),
            ]
        )

    def __len__(self) -> int:
        return len(self._pixels)

    def __getitem__(self, position: int) -> Any:
        import torch  # noqa: PLC0415

        picture = torch.from_numpy(self._pixels[position].copy()).permute(2, 0, 1)
        return self._changes(picture), position % LABELS


if __name__ == "__main__":
    main()
