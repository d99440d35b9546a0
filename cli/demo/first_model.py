"""The weak first model of the demonstration: trained on a tenth of the photos, by the command that workers use."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from cli.demo.city import DemoFailed
from mobile_models.label_set import TRASHNET
from training.dataset import SplitFractions, freeze_folder
from training.recipe import Recipe
from training.run_directory import Outcome, Progress, RunDirectory

WATCH_SECONDS = 0.5


def train(photos: Path, workplace: Path, recipe: Recipe, weights: str, watch: Callable[[Progress], None]) -> Path:
    """Return the release folder. With so few photos the gate may well say no: a city has to begin with something."""
    snapshot = workplace / "snapshot"
    freeze_folder(photos, snapshot, TRASHNET, SplitFractions(train=0.7, validation=0.15, holdout=0.15))
    run = RunDirectory(workplace / "run")
    recipe_file = workplace / "recipe.json"
    recipe.write(recipe_file)
    options = {"snapshot": snapshot, "run": run.path, "recipe": recipe_file, "weights": weights, "version": 1}
    command = [sys.executable, "-m", "training.run", "--exit-with-parent"]
    command += [part for name, value in options.items() for part in (f"--{name}", str(value))]
    log_path = workplace / "train.log"
    with log_path.open("wb") as log:
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=log, stderr=subprocess.STDOUT)
        try:
            _follow(process, run, watch)
        finally:
            process.kill()
            process.wait()
    result = run.read_result()
    if result is None or result.outcome is Outcome.REFUSED:
        reasons = "; ".join(result.reasons) if result else f"it ended with {process.returncode}; see {log_path}"
        raise DemoFailed(f"The first model could not be trained: {reasons}")
    return run.release


def _follow(process: subprocess.Popen[bytes], run: RunDirectory, watch: Callable[[Progress], None]) -> None:
    while True:
        progress = run.read_progress()
        if progress is not None:
            watch(progress)
        try:
            process.wait(WATCH_SECONDS)
            return
        except subprocess.TimeoutExpired:
            continue
