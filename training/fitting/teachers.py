"""A released model as the teacher of a new one.

Guarantees: a teacher answers with the same labels in the same order and sees photos cut the same way, so its logits are
soft targets as they are. What cannot be is refused before hours are spent.
"""

from pathlib import Path

import keras

from mobile_models.label_set import LabelSet
from mobile_models.manifest import ReleaseManifest
from training import backbones
from training.dataset import DataError
from training.recipe import Recipe, RecipeError

CHECKPOINT = "checkpoint.keras"


def check(recipe: Recipe, release: Path | None) -> None:
    """Raise `RecipeError` unless a teacher is given exactly where the recipe learns from one.

    Raise `DataError` if it has no checkpoint.
    """
    if recipe.distillation_weight and release is None:
        raise RecipeError("distillation_weight: give the release folder of a teacher (--teacher), or set it to 0")
    if release is not None and not recipe.distillation_weight:
        raise RecipeError("distillation_weight: it is 0, so the teacher would not be asked; set it above 0")
    if release is not None and all(stage.keeps_features for stage in recipe.stages):
        raise RecipeError("distillation_weight: no stage shows photos, only kept features, which a teacher cannot see")
    if release is not None and not (release / CHECKPOINT).is_file():
        raise DataError(f"{release} has no {CHECKPOINT} to learn from: give a release folder.")


def load(release: Path, recipe: Recipe, labels: LabelSet) -> keras.Model:
    """Return the float model of a `release` folder: photos in 0 to 255 to logits.

    Raise `DataError` if it is no release folder, or one of other labels or another crop.
    """
    try:
        manifest = ReleaseManifest.read(release / "manifest.json")
        _check_fits(manifest, release, recipe, labels)
        return backbones.saved_model(release / CHECKPOINT)
    except (OSError, ValueError) as error:
        raise DataError(f"{release} is no release folder with a checkpoint to learn from: {error}") from error


def _check_fits(manifest: ReleaseManifest, release: Path, recipe: Recipe, labels: LabelSet) -> None:
    if manifest.label_set.ids != labels.ids:
        theirs = ", ".join(manifest.label_set.ids)
        raise DataError(f"The teacher in {release} knows {theirs}: it can teach a data set of these labels only.")
    if manifest.input_spec.crop != recipe.crop:
        raise DataError(
            f"The teacher in {release} sees photos with crop {manifest.input_spec.crop!r}, recipe {recipe.name} with "
            f"{recipe.crop!r}: set crop to the teacher's."
        )
