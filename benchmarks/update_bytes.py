"""What an update costs on the air: the bytes of a patch between really retrained models, against the whole file.

    python benchmarks/update_bytes.py --data DIR/trashnet [--only head tail] [--quick] [--keep DIR]
    python benchmarks/update_bytes.py --pair OLD.tflite NEW.tflite

Each row trains through `training.run_steps`, as a train worker does, and compares the int8 models:

    head     release 2, only its head learns
    tail     release 2, its last 38 layers learn
    whole    release 2, all of its layers learn
    resnet   ResNet50V2: first everything briefly from random weights at 96 pixels, since ImageNet's cannot be had
             everywhere, as the release before; then its last 38 layers learn. Its accuracy says nothing, its bytes do.
             The first effort of the export is taken: int8 of random weights never agrees enough with float, and the
             next effort, which rounds the weights anew, costs a quarter of an hour for a network of this width

`way` is the method that won. `xdelta3` (if that program is installed) and `bsdiff` (the package bsdiff4) stand beside.
"""

import argparse
import importlib
import importlib.util
import shutil
import subprocess
import tempfile
import time
from dataclasses import dataclass, replace
from pathlib import Path
from unittest import mock

from mobile_models import bundled
from mobile_models.label_set import TRASHNET
from mobile_models.updates import patches
from training import dataset, recipe, run_steps
from training.data import rehearsal
from training.dataset import SNAPSHOT_FILE, DatasetSnapshot, Split
from training.quantization import int8
from training.recipe import CHAMPION, RANDOM, Recipe
from training.recipe_parts import Stage
from training.run_request import RunRequest

TAIL_LAYERS = 38
SMALL_EDGE = 96


@dataclass(frozen=True)
class Bench:
    """The photos, a folder for runs, and how much is trained."""

    snapshot: Path
    folder: Path
    epochs: int
    first_epochs: int

    def train(self, name: str, wanted: Recipe, champion: Path | None) -> Path:
        """Return the release folder of a run."""
        request = RunRequest(
            snapshot=self.snapshot, run=self.folder / name, recipe=wanted, version=3 if champion else 2,
            champion=champion, weights=CHAMPION if champion else RANDOM,
        )  # fmt: skip
        started = time.monotonic()
        result = run_steps.train(request)
        print(f"{name}: {result.outcome} in {time.monotonic() - started:.0f} s", flush=True)
        return self.folder / name / "release"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, help="TrashNet, a folder per class with groups.csv")
    parser.add_argument("--pair", type=Path, nargs=2, metavar=("OLD", "NEW"), help="only compare these two models")
    parser.add_argument("--only", nargs="+", choices=list(QUESTIONS), default=list(QUESTIONS))
    parser.add_argument("--photos", type=int, default=600, help="how many are used, evenly of each class")
    parser.add_argument("--epochs", type=int, default=6, help="of each fine-tuning")
    parser.add_argument("--first-epochs", type=int, default=4, help="of ResNet50V2 from random weights")
    parser.add_argument("--quick", action="store_true", help="200 photos, 1 epoch: a check, not a figure")
    parser.add_argument("--keep", type=Path, help="folder for the runs; the same again goes on there")
    given = parser.parse_args()
    if given.pair:
        compare("pair", *given.pair)
        return
    if given.data is None:
        parser.error("--data or --pair is needed")
    with tempfile.TemporaryDirectory() as made:
        folder = given.keep or Path(made)
        bench = Bench(folder / "snapshot", folder, given.epochs, given.first_epochs)
        if given.quick:
            bench = replace(bench, epochs=1, first_epochs=1)
        freeze(given.data, bench.snapshot, 200 if given.quick else given.photos)
        for name in given.only:
            old, new = QUESTIONS[name](bench)
            compare(name, old / "model.tflite", new / "model.tflite")


def freeze(data: Path, target: Path, count: int) -> None:
    """Write a snapshot of `count` photos of each split's share, evenly of each class."""
    whole = dataset.freeze_folder(data, target, TRASHNET).snapshot
    shares = {split: round(count * len(whole.of(split)) / len(whole.photos)) for split in Split}
    chosen = tuple(photo for split in Split for photo in rehearsal.evenly(whole.of(split), shares[split], seed=0))
    DatasetSnapshot(label_set=TRASHNET, photos=chosen).write(target / SNAPSHOT_FILE)


def head(bench: Bench) -> tuple[Path, Path]:
    return _fine_tuned(bench, "head", 0)


def tail(bench: Bench) -> tuple[Path, Path]:
    return _fine_tuned(bench, "tail", TAIL_LAYERS)


def whole(bench: Bench) -> tuple[Path, Path]:
    return _fine_tuned(bench, "whole", 154)


def _fine_tuned(bench: Bench, name: str, layers: int) -> tuple[Path, Path]:
    """The release's own recipe, but for the layers and the epochs."""
    champion = bundled.newest()
    theirs = Recipe.read(champion / "recipe.json")
    stage = theirs.stages[-1].model_copy(
        update={"epochs": bench.epochs, "trainable_layers": layers, "warmup_epochs": 0, "augment": layers > 0}
    )
    return champion, bench.train(name, theirs.with_changes(stages=[stage.model_dump()]), champion)


def resnet(bench: Bench) -> tuple[Path, Path]:
    paper = recipe.load("resnet50v2").with_changes(input_edge=SMALL_EDGE, quantization_aware_epochs=0)
    first = Stage(
        name="first", epochs=bench.first_epochs, trainable_layers=190, batch_norm_frozen=False, learning_rate=1e-3
    )
    then = Stage(
        name="tail", epochs=bench.epochs, trainable_layers=TAIL_LAYERS, batch_norm_frozen=True, learning_rate=1e-4
    )
    with mock.patch.object(int8, "_is_enough", lambda *_: True):
        champion = bench.train("resnet-first", paper.with_changes(stages=[first.model_dump()]), None)
        return champion, bench.train("resnet-tail", paper.with_changes(stages=[then.model_dump()]), champion)


QUESTIONS = {"head": head, "tail": tail, "whole": whole, "resnet": resnet}


def compare(name: str, old_file: Path, new_file: Path) -> None:
    old, new = old_file.read_bytes(), new_file.read_bytes()
    started = time.process_time()
    patch = patches.make(old, new)
    seconds = time.process_time() - started
    print(f"{name:8} whole {len(new):10,} bytes, as long as the old one: {len(old) == len(new)}")
    if patch is None:
        print("         no patch: the whole file is no larger")
    else:
        way = patches.read_header(patch).method.name.lower()
        print(f"         ours   {_share(len(patch), new)}  way {way}, made in {seconds:.1f} s")
    for rival, size in _rivals(old_file, new_file).items():
        print(f"         {rival:7}{_share(size, new)}")


def _share(size: int, new: bytes) -> str:
    return f"{size:10,} bytes {100 * size / len(new):6.2f} %"


def _rivals(old: Path, new: Path) -> dict[str, int]:
    found: dict[str, int] = {}
    with tempfile.TemporaryDirectory() as folder:
        if xdelta := shutil.which("xdelta3"):
            result = Path(folder, "xdelta")
            subprocess.run([xdelta, "-e", "-9", "-S", "lzma", "-s", old, new, result], check=True)
            found["xdelta3"] = result.stat().st_size
        if importlib.util.find_spec("bsdiff4"):
            result = Path(folder, "bsdiff")
            importlib.import_module("bsdiff4").file_diff(str(old), str(new), str(result))
            found["bsdiff"] = result.stat().st_size
    return found


if __name__ == "__main__":
    main()
