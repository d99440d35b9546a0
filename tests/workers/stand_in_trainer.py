"""A trainer with the command line, the files and the exit codes of `training.run`, which learns nothing.

It counts epochs: each takes a moment, and its checkpoint says which process did which, so that a test can see where a
run went on. What else it does is said by the description of the recipe: `blocked`, `refused`, `crash once at 2`, or
`hang once at 2`, after which it trains no more until it is ended; a process that goes on does not hang again.
"""

import argparse
import os
import sys
import threading
import time
from pathlib import Path

from mobile_models.document import Document
from mobile_models.evaluation import Blessing, Verdict
from tests.tiny_model import release_folder
from training.dataset import DatasetSnapshot
from training.recipe import Recipe
from training.run_directory import Outcome, Progress, RunDirectory, RunLocked, RunResult

EPOCH_SECONDS = 0.15


class Checkpoint(Document):
    epochs: tuple[tuple[int, int], ...] = ()
    """Process id and epoch."""


def main() -> int:
    given = _parse()
    run = RunDirectory(given.run)
    try:
        with run.held():
            return _train(given, run)
    except RunLocked:
        return 3


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    for name in ("snapshot", "run", "recipe", "champion"):
        parser.add_argument(f"--{name}", type=Path)
    for name in ("seed", "version", "threads"):
        parser.add_argument(f"--{name}", type=int)
    for name in ("weights", "lineage-run-id", "learn-from", "features", "features-gigabytes"):
        parser.add_argument(f"--{name}")
    for name in ("outside", "outside-labels"):
        parser.add_argument(f"--{name}")
    parser.add_argument("--exit-with-parent", action="store_true")
    given = parser.parse_args()
    if given.exit_with_parent:
        threading.Thread(target=_end_with_parent, daemon=True).start()
    return given


def _end_with_parent() -> None:
    sys.stdin.buffer.read()
    os._exit(1)


def _train(given: argparse.Namespace, run: RunDirectory) -> int:
    finished = run.read_result()
    if finished is not None:
        return 0
    recipe = Recipe.read(given.recipe)
    snapshot = DatasetSnapshot.read(given.snapshot / "snapshot.json")
    for photo in snapshot.photos:
        assert (given.snapshot / "photos" / f"{photo.sha256}.jpg").stat().st_size > 0
    if recipe.description == "refused":
        RunResult(outcome=Outcome.REFUSED, reasons=("There are too few photos of trash.",)).write(run.result)
        return 2
    _fit(recipe, run)
    _finish(given, recipe, run)
    return 0


def _fit(recipe: Recipe, run: RunDirectory) -> None:
    file = run.checkpoints / "last.json"
    done = Checkpoint.read(file).epochs if file.exists() else ()
    resumed = bool(done)
    for epoch in range(len(done) + 1, recipe.total_epochs + 1):
        time.sleep(EPOCH_SECONDS)
        done = (*done, (os.getpid(), epoch))
        Checkpoint(epochs=done).write(file)
        Progress(stage="all", epoch=epoch, epochs=recipe.total_epochs, metrics={"accuracy": epoch / 100}).write(
            run.progress
        )
        if resumed:
            continue
        if recipe.description == f"crash once at {epoch}":
            print("the power went out", flush=True)  # noqa: T201
            os._exit(70)
        if recipe.description == f"hang once at {epoch}":
            threading.Event().wait()


def _finish(given: argparse.Namespace, recipe: Recipe, run: RunDirectory) -> None:
    release_folder(run.release, given.version)
    blocked = recipe.description == "blocked"
    if blocked:
        lost = Blessing(verdict=Verdict.BLOCKED, reasons=("It lost glass.",), challenger=None, champion=None,
                        rubber_stamped=False)  # fmt: skip
        lost.write(run.release / "blessing.json")
    outcome = Outcome.BLOCKED if blocked else Outcome.BLESSED
    reasons = (f"champion: {given.champion}", f"weights: {given.weights}", f"learn from: {given.learn_from}")
    if given.outside is not None:
        reasons = (*reasons, f"outside: {given.outside} by {given.outside_labels}")
    run.report.write_text("<h1>It learnt nothing.</h1>\n")
    RunResult(outcome=outcome, reasons=reasons).write(run.result)


if __name__ == "__main__":
    sys.exit(main())
