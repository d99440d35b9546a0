"""What training on kept features costs, beside a plain Keras loop over the same photos and epochs.

    python benchmarks/retrain.py --data DIR/trashnet --weights mobilenet_v2_notop.weights.h5 [--only head] [--quick]

Questions, each answered by both arms in one process, one after the other for each row:

    head    only the head learns, MobileNetV2, several augmented views of each photo
    tail    the last 38 layers of ResNet50V2 learn (random weights: it is the time that counts)
    new     100 new photos come to a champion that knows 500, 1,000 or 2,000: the head and the last block learn,
            ours from the new photos with a rehearsal of old ones, the plain loop from all; mirrored copies stand in
            for the old photos that TrashNet lacks
    agree   the head and the last block learn with kept views, and with fresh ones in each epoch, over three seeds

The plain loop augments on the fly with the same code, in as many threads as there are cores, and keeps its best epoch.
Both validate after each epoch. Seconds are of the wall clock and of the processor; the latter bear other work on the
machine better. Ours is timed with an empty store, and again with what that left there, as retraining finds it.
`--quick` uses fewer and smaller photos.
"""

import argparse
import io
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import keras
import numpy as np
from PIL import Image, ImageOps

from mobile_models.document import sha256
from mobile_models.label_set import TRASHNET
from training import backbones, dataset, recipe
from training.backbone_facts import Backbone
from training.data import rehearsal
from training.dataset import DatasetSnapshot, SnapshotPhoto, Split
from training.feature_cache.feature_store import FeatureStore
from training.fitting import devices, pipeline
from training.fitting.batches import Batches, Changes
from training.fitting.fit import Fit, Task
from training.fitting.pipeline import Pictures
from training.recipe import RANDOM_FROZEN, Recipe
from training.recipe_parts import Augmentation, Stage

NEW, REHEARSED, SEEDS, LABELS = 100, 500, 3, len(TRASHNET.ids)
PAPER = Augmentation(
    rotation_degrees=45, shift_fraction=0.15, zoom_fraction=0.15, shear_degrees=8, horizontal_flip=True,
    vertical_flip=True, channel_shift=10, brightness_fraction=0.1,
)  # fmt: skip


@dataclass(frozen=True)
class Sizes:
    edge: int
    photos: int
    head_epochs: int
    tail_edge: int
    tail_photos: int
    tail_epochs: int
    new_epochs: int
    old: tuple[int, ...] = (500, 1000, 2000)
    views: int = 3
    agree_views: int = 4
    agree_epochs: int = 12


WHOLE = Sizes(224, 2000, 40, 224, 500, 20, 8)
QUICK = Sizes(96, 300, 40, 224, 300, 8, 3)


@dataclass
class Took:
    wall: float = 0
    processor: float = 0
    accuracy: float = float("nan")
    """Not measured of random weights, where it says nothing."""

    def __str__(self) -> str:
        return f"{self.wall:8.1f} s wall {self.processor:8.1f} s processor  accuracy {self.accuracy:.3f}"


@dataclass(frozen=True)
class Bench:
    """The photos, what the networks begin with, and a folder for what is kept."""

    snapshot: Path
    weights: str
    folder: Path

    def load(self, photos: tuple[SnapshotPhoto, ...], wanted: Recipe) -> Pictures:
        return pipeline.load(self.snapshot, photos, TRASHNET, wanted.input_spec, self.folder / "pixels")

    def photos(self, *splits: Split) -> tuple[SnapshotPhoto, ...]:
        document = DatasetSnapshot.read(self.snapshot / dataset.SNAPSHOT_FILE)
        return tuple(photo for split in splits for photo in document.of(split))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="TrashNet, a folder per class with groups.csv")
    parser.add_argument("--weights", required=True, help="of MobileNetV2 without its top")
    parser.add_argument("--only", choices=["head", "tail", "new", "agree"])
    parser.add_argument("--quick", action="store_true", help="fewer and smaller photos")
    parser.add_argument("--edge", type=int, help="of the photos that MobileNetV2 sees, instead of 224 (quick: 96)")
    parser.add_argument("--photos", type=int, help="that a head is trained on, instead of 2,000 (quick: 300)")
    given = parser.parse_args()
    sizes = QUICK if given.quick else WHOLE
    sizes = replace(sizes, edge=given.edge or sizes.edge, photos=given.photos or sizes.photos)
    questions: dict[str, Callable[[Bench, Sizes], None]] = {"head": head, "tail": tail, "new": new, "agree": agree}
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(Path(folder) / "snapshot", given.weights, Path(folder))
        dataset.freeze_folder(given.data, bench.snapshot, TRASHNET)
        for name, ask in questions.items():
            if given.only in (None, name):
                ask(bench, sizes)


def head(bench: Bench, sizes: Sizes) -> None:
    stage = Stage(
        name="head", epochs=sizes.head_epochs, batch_norm_frozen=True, learning_rate=2e-3, cached_views=sizes.views
    )
    wanted = _mobilenet(sizes.edge, stage)
    train = rehearsal.evenly(bench.photos(Split.TRAIN, Split.VALIDATION), sizes.photos, seed=0)
    print(f"head: {len(train)} photos at {sizes.edge} pixels, {stage.epochs} epochs, {sizes.views} views")
    _compare(bench, wanted, train, bench.weights)


def tail(bench: Bench, sizes: Sizes) -> None:
    stage = Stage(
        name="tail", epochs=sizes.tail_epochs, trainable_layers=38, batch_norm_frozen=True, learning_rate=1e-4,
        cached_views=sizes.views,
    )  # fmt: skip
    paper = recipe.load("resnet50v2")
    wanted = paper.with_changes(input_edge=sizes.tail_edge, stages=[stage.model_dump()], augmentation=PAPER)
    train = rehearsal.evenly(bench.photos(Split.TRAIN), sizes.tail_photos, seed=0)
    for precision in ("float32", "mixed_bfloat16"):
        print(f"tail in {precision}: {len(train)} photos at {sizes.tail_edge} pixels, {stage.epochs} epochs")
        _compare(bench, wanted.with_changes(precision=precision), train, RANDOM_FROZEN)


def new(bench: Bench, sizes: Sizes) -> None:
    known = bench.photos(Split.TRAIN, Split.VALIDATION)
    fresh = rehearsal.evenly(known, NEW, seed=1)
    known = tuple(photo for photo in known if photo not in fresh)
    known += tuple(_mirrored(bench, photo) for photo in known[: max(sizes.old) - len(known)])
    stage = _block(sizes.new_epochs, views=1)
    wanted = _mobilenet(sizes.edge, stage)
    print(f"new: {NEW} new photos, a rehearsal of {REHEARSED}, {stage.epochs} epochs, last 20 layers of MobileNetV2")
    for count in sizes.old:
        old = rehearsal.evenly(known, count, seed=2)
        store = FeatureStore(bench.folder / f"features-{count}")
        champion = _ours(bench, wanted.with_epochs(2), old, bench.weights, store)  # Its features are there since.
        rehearsed = rehearsal.evenly(old, REHEARSED, seed=3)
        ours = _ours(bench, wanted, (*fresh, *rehearsed), bench.weights, store)
        plain = _plain(bench, wanted, (*fresh, *old), bench.weights)
        print(f"  {len(old):5} old   ours {ours}\n              plain {plain}   (champion: {champion.wall:.0f} s)")


def agree(bench: Bench, sizes: Sizes) -> None:
    """The difference that counts is that of one seed; its spread is the noise."""
    train = rehearsal.evenly(bench.photos(Split.TRAIN, Split.VALIDATION), sizes.photos, seed=0)
    stages = [_block(sizes.agree_epochs, views) for views in (sizes.agree_views, 0)]
    print(f"agree: {len(train)} photos, {sizes.agree_epochs} epochs, {sizes.agree_views} kept views or fresh ones")
    differences = []
    for seed in range(SEEDS):
        kept, fresh = (_ours(bench, _mobilenet(sizes.edge, stage), train, bench.weights, seed=seed) for stage in stages)
        differences.append(kept.accuracy - fresh.accuracy)
        print(f"  seed {seed}   kept {kept}\n           fresh {fresh}")
    print(f"  kept less fresh: mean {np.mean(differences):+.4f}, standard deviation {np.std(differences, ddof=1):.4f}")


def _block(epochs: int, views: int) -> Stage:
    return Stage(
        name="block", epochs=epochs, trainable_layers=20, batch_norm_frozen=True, learning_rate=3e-4, cached_views=views
    )


def _mirrored(bench: Bench, photo: SnapshotPhoto) -> SnapshotPhoto:
    folder, encoded = bench.snapshot / "photos", io.BytesIO()
    with Image.open(folder / f"{photo.sha256}.jpg") as picture:
        ImageOps.mirror(picture).save(encoded, "JPEG", quality=90)
    digest = sha256(encoded.getvalue())
    (folder / f"{digest}.jpg").write_bytes(encoded.getvalue())
    return photo.model_copy(update={"sha256": digest, "origin_sha256": digest})


def _mobilenet(edge: int, stage: Stage) -> Recipe:
    return Recipe(
        name="bench", description="For this benchmark.", backbone=Backbone.MOBILENET_V2, input_edge=edge,
        head=recipe.load("mobilenet_v2").head, stages=(stage,), batch_size=32, monitor="loss", augmentation=PAPER,
    )  # fmt: skip


def _compare(bench: Bench, wanted: Recipe, train: tuple[SnapshotPhoto, ...], weights: str) -> None:
    store = FeatureStore(bench.folder / sha256(wanted.to_bytes())[:16])
    first = _ours(bench, wanted, train, weights, store)
    plain = _plain(bench, wanted, train, weights)
    again = _ours(bench, wanted, train, weights, store)
    print(f"  plain          {plain}")
    for name, ours in (("store empty", first), ("store filled", again)):
        faster = f"{plain.wall / ours.wall:.1f} times faster by the clock, {plain.processor / ours.processor:.1f} by"
        print(f"  {name:14} {ours}   {faster} the processor")


def _ours(
    bench: Bench,
    wanted: Recipe,
    train: tuple[SnapshotPhoto, ...],
    weights: str,
    store: FeatureStore | None = None,
    seed: int = 0,
) -> Took:
    task = _task(bench, wanted, train, seed)
    with tempfile.TemporaryDirectory() as folder, _timed() as took:
        fitted = Fit(_model(wanted, weights, seed), task, Path(folder), lambda _: None, store=store)
        fitted.run()
    return took if weights == RANDOM_FROZEN else _measured(bench, fitted.model, wanted, took)


def _plain(bench: Bench, wanted: Recipe, train: tuple[SnapshotPhoto, ...], weights: str) -> Took:
    task, (stage,) = _task(bench, wanted, train), wanted.stages
    best = keras.callbacks.EarlyStopping(monitor="val_loss", patience=stage.epochs, restore_best_weights=True)
    model = _model(wanted, weights)
    with _timed() as took, devices.precision(model, wanted.precision):
        model.compile(
            keras.optimizers.AdamW(stage.learning_rate, weight_decay=wanted.weight_decay),
            keras.losses.CategoricalCrossentropy(from_logits=True, label_smoothing=wanted.label_smoothing),
        )
        validation = (task.validation.pixels, np.eye(LABELS, dtype=np.float32)[task.validation.labels])
        model.fit(
            OnTheFly(task), epochs=stage.epochs, validation_data=validation, callbacks=[best], shuffle=False, verbose=0
        )
    return took if weights == RANDOM_FROZEN else _measured(bench, model, wanted, took)


class OnTheFly(keras.utils.PyDataset):  # type: ignore[misc]  # Keras has no types.
    """The batches of an epoch, augmented while others are trained on."""

    def __init__(self, task: Task) -> None:
        super().__init__(workers=os.cpu_count() or 1, max_queue_size=8)
        self._task, self._epoch = task, 0
        self._batches = self._make()

    def _make(self) -> Batches:
        train, wanted = self._task.train, self._task.recipe
        weights = np.array(recipe.balanced_class_weights(train.labels.tolist(), LABELS))
        changes = Changes(wanted.augmentation)
        return Batches(train.pixels, train.labels, weights, wanted.batch_size, (0, self._epoch), changes)

    def __len__(self) -> int:
        return len(self._batches)

    def __getitem__(self, index: int) -> Any:
        return self._batches[index]

    def on_epoch_end(self) -> None:
        self._epoch += 1
        self._batches = self._make()


def _task(bench: Bench, wanted: Recipe, train: tuple[SnapshotPhoto, ...], seed: int = 0) -> Task:
    judged = rehearsal.evenly(bench.photos(Split.HOLDOUT), 60, seed=4)
    return Task(wanted, bench.load(train, wanted), bench.load(judged, wanted), seed, wanted.digest)


def _model(wanted: Recipe, weights: str, seed: int = 0) -> keras.Model:
    keras.utils.set_random_seed(seed)
    model = backbones.build(wanted, LABELS, weights)
    backbones.set_trainable(model, wanted.stages[0])
    return model


def _measured(bench: Bench, model: keras.Model, wanted: Recipe, took: Took) -> Took:
    holdout = bench.load(bench.photos(Split.HOLDOUT), wanted)
    took.accuracy = float((pipeline.predict(model, holdout.pixels).argmax(axis=1) == holdout.labels).mean())
    return took


@contextmanager
def _timed() -> Iterator[Took]:
    took, wall, processor = Took(), time.monotonic(), time.process_time()
    yield took
    took.wall, took.processor = time.monotonic() - wall, time.process_time() - processor


if __name__ == "__main__":
    main()
