"""What a training run is asked to do."""

from dataclasses import dataclass, field
from pathlib import Path

from mobile_models.evaluation import GatePolicy
from training.data.photo_source import PhotoSource
from training.data.rehearsal import LearnFrom
from training.recipe import IMAGENET, Recipe


@dataclass(frozen=True)
class RunRequest:
    """All that a run is asked to do. `weights`: imagenet, random, champion, or a weights file.

    `teacher`: release folder of a model to learn from. `loaders`: processes that make batches; None: as fits.
    `learn_from`: all photos, those new to the champion, or those with a rehearsal of old ones. `features`: the folder
    in which features are kept for later runs, up to `features_gigabytes`; None: in the run directory, until it ends.
    `outside`: photos taken elsewhere, for the out-of-domain figure.
    `fit_only`: fit and measure on validation; make no release and never look at the holdout.
    """

    snapshot: Path
    run: Path
    recipe: Recipe
    seed: int = 0
    version: int = 1
    champion: Path | None = None
    weights: str = IMAGENET
    teacher: Path | None = None
    loaders: int | None = None
    learn_from: LearnFrom = LearnFrom.ALL
    features: Path | None = None
    features_gigabytes: float = 10
    run_id: str = "by-hand"
    licence: str = "Apache-2.0"
    outside: PhotoSource | None = None
    fit_only: bool = False
    policy: GatePolicy = field(default_factory=GatePolicy)
