"""The command that trains in a process of its own.

    python -m training.run --snapshot DIR --run DIR --recipe recipe.json --seed 0 --version 2 --champion RELEASE

Exit status 0: done, `result.json` says whether it was blessed; 2: the input cannot be trained on, `result.json` says
what to do; 3: another process trains in this run directory. The same command again resumes a run that was killed.
"""

import argparse
import logging
import os
import sys
import threading
from pathlib import Path

from mobile_models.evaluation import GatePolicy
from training import disk_space
from training.data.photo_source import PhotoSource
from training.data.rehearsal import LearnFrom
from training.recipe import IMAGENET, Recipe
from training.run_directory import ExitCode, Outcome, RunLocked
from training.run_request import RunRequest

log = logging.getLogger(__name__)


def main(arguments: list[str] | None = None) -> ExitCode:
    options = _parser().parse_args(arguments)
    if options.exit_with_parent:
        threading.Thread(target=_exit_when_standard_input_closes, daemon=True).start()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    _limit_threads(options.threads)
    from training import run_steps  # noqa: PLC0415  # Keras reads the limits above when it is imported.

    try:
        result = run_steps.train(_request(options))
    except RunLocked as locked:
        log.error("%s", locked)  # noqa: TRY400  # Where it was noticed helps nobody.
        return ExitCode.LOCKED
    except OSError as error:
        if not disk_space.is_full(error):
            raise
        log.error("%s", disk_space.full(options.run.parent))  # noqa: TRY400  # Not even the refusal could be written.
        return ExitCode.BAD_INPUT
    for reason in result.reasons:
        log.info("%s: %s", result.outcome, reason)
    return ExitCode.BAD_INPUT if result.outcome is Outcome.REFUSED else ExitCode.DONE


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m training.run", description="Train one model.")
    parser.add_argument("--snapshot", type=Path, required=True, help="dataset snapshot directory")
    parser.add_argument("--run", type=Path, required=True, help="run directory, made or gone on with")
    parser.add_argument("--recipe", type=_recipe, required=True, help="recipe as a JSON file")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--version", type=int, default=1, help="number of the release it will propose")
    parser.add_argument("--champion", type=Path, help="release folder of the model to beat")
    parser.add_argument("--weights", default=IMAGENET, help="imagenet, random, champion, or a weights file")
    parser.add_argument(
        "--teacher", type=Path, help="release folder of a model that a recipe with distillation learns from"
    )
    parser.add_argument(
        "--learn-from",
        type=LearnFrom,
        choices=LearnFrom,
        default=LearnFrom.ALL,
        help="all photos, those new to the champion, or those with a rehearsal of old ones",
    )
    parser.add_argument("--features", type=Path, help="folder in which features are kept for later runs")
    parser.add_argument("--features-gigabytes", type=float, default=10, help="what that folder may hold")
    parser.add_argument("--loaders", type=int, help="processes that make batches; as fits the device if not given")
    parser.add_argument("--outside", type=Path, help="labelled photos taken elsewhere, for the out-of-domain figure")
    parser.add_argument("--outside-labels", help="label map for them, by name or file")
    parser.add_argument("--fit-only", action="store_true", help="no release: fit, and measure on validation")
    parser.add_argument("--threads", type=int, default=0, help="0: as many as there are cores")
    parser.add_argument("--lineage-run-id", default="by-hand")
    parser.add_argument("--licence", default="Apache-2.0", help="of the model, as its manifest states it")
    floors = GatePolicy()
    parser.add_argument("--minimum-recall", type=float, default=floors.minimum_recall)
    parser.add_argument("--minimum-precision", type=float, default=floors.minimum_precision)
    parser.add_argument("--minimum-photos-per-class", type=int, default=floors.minimum_photos_per_class)
    parser.add_argument("--exit-with-parent", action="store_true", help="end when standard input closes")
    return parser


def _recipe(path: str) -> Recipe:
    try:
        return Recipe.read(Path(path))
    except (OSError, ValueError) as error:
        raise argparse.ArgumentTypeError(f"{path} is no recipe: {error}") from error


def _request(options: argparse.Namespace) -> RunRequest:
    return RunRequest(
        snapshot=options.snapshot,
        run=options.run,
        recipe=options.recipe,
        seed=options.seed,
        version=options.version,
        champion=options.champion,
        weights=options.weights,
        teacher=options.teacher,
        loaders=options.loaders,
        learn_from=options.learn_from,
        features=options.features,
        features_gigabytes=options.features_gigabytes,
        run_id=options.lineage_run_id,
        licence=options.licence,
        outside=None if options.outside is None else PhotoSource(options.outside, label_map=options.outside_labels),
        fit_only=options.fit_only,
        policy=GatePolicy(
            minimum_recall=options.minimum_recall,
            minimum_precision=options.minimum_precision,
            minimum_photos_per_class=options.minimum_photos_per_class,
        ),
    )


def _limit_threads(threads: int) -> None:
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    if threads:
        os.environ["TF_NUM_INTRAOP_THREADS"] = os.environ["OMP_NUM_THREADS"] = str(threads)


def _exit_when_standard_input_closes() -> None:
    """The worker holds the other end and never writes: it closes when the worker dies, however it dies.

    Read from the descriptor: a thread that waits in `sys.stdin` would hold its lock when the interpreter shuts down.
    """
    while os.read(sys.stdin.fileno(), 4096):
        pass
    os._exit(1)


if __name__ == "__main__":
    sys.exit(main())
