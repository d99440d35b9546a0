"""A released model to beat, and perhaps to go on from.

Guarantees: what cannot be measured, or cannot be gone on from, is refused before hours are spent.
"""

from pathlib import Path

import keras

from mobile_models.label_set import LabelSet
from mobile_models.manifest import ReleaseManifest
from training import backbones
from training.dataset import DataError
from training.evaluation import subject
from training.recipe import CHAMPION, Recipe

CHECKPOINT = "checkpoint.keras"
_KEPT = ("backbone", "input_edge", "scaling", "head")


def check(release: Path | None, weights: str, recipe: Recipe, labels: LabelSet) -> None:
    """Look at the champion's folder; `weights` say whether the run goes on from it.

    Raise `ModelError` if there is no model that can be measured, `DataError` if none of its labels is asked for here,
    or it has to be gone on from and cannot.
    """
    if release is not None:
        opened = subject.of_release(release)
        if not set(opened.label_set.ids) & set(labels.ids):
            raise DataError(
                f"The champion in {release} knows none of the data set's labels, so nothing can be compared."
            )
    if weights == CHAMPION:
        _check_start(release, recipe, labels)


def initial_model(release: Path, recipe: Recipe, labels: LabelSet) -> keras.Model:
    """Return the champion's network as training begins with it; raise `DataError` if its checkpoint cannot be read."""
    return backbones.continue_from(release / CHECKPOINT, recipe, len(labels.ids))


def _check_start(release: Path | None, recipe: Recipe, labels: LabelSet) -> None:
    if release is None:
        raise DataError("There is no champion to fine-tune from. Give other weights.")
    if not (release / CHECKPOINT).is_file():
        raise DataError(f"{release} has no {CHECKPOINT} to go on from. Train from other weights.")
    try:
        manifest, theirs = ReleaseManifest.read(release / "manifest.json"), Recipe.read(release / "recipe.json")
    except (OSError, ValueError) as error:
        raise DataError(f"{release} does not say how it was trained: {error}. Train from other weights.") from error
    if not labels.extends(manifest.label_set):
        raise DataError("The data set's labels do not extend the champion's. Train from other weights.")
    if differing := [field for field in _KEPT if getattr(theirs, field) != getattr(recipe, field)]:
        raise DataError(
            f"Recipe {recipe.name} cannot go on from the champion, which recipe {theirs.name} made: "
            f"{', '.join(differing)} differ. Train from other weights, or choose its recipe."
        )
