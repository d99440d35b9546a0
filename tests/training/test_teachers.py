import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from mobile_models import bundled
from mobile_models.document import file_sha256
from mobile_models.label_set import TRASHNET, LabelSet
from training import recipe, run_steps
from training.dataset import DataError
from training.fitting import teachers
from training.fitting.checkpoints import History
from training.recipe import Recipe, RecipeError
from training.run_directory import Outcome, RunDirectory
from training.run_record import RunRecord
from training.run_request import RunRequest


@pytest.fixture
def taught() -> Recipe:
    return recipe.load("tiny").with_changes(distillation_weight=0.5)


def test_a_released_model_can_teach(taught: Recipe) -> None:
    teacher = teachers.load(bundled.newest(), taught, TRASHNET)
    assert teacher.predict(np.zeros((1, *teacher.input.shape[1:])), verbose=0).shape == (1, len(TRASHNET.ids))


def test_a_run_is_taught_and_leaves_its_curves(taught: Recipe, snapshot_directory: Path, tmp_path: Path) -> None:
    teacher = bundled.newest()
    small = taught.with_changes(input_edge=32).with_epochs(1)
    asked = RunRequest(
        snapshot_directory, tmp_path / "run", small, weights="random", teacher=teacher, loaders=1, fit_only=True
    )
    result = run_steps.train(asked)
    run = RunDirectory(asked.run)
    assert (result.outcome, len(History.read(run.history).epochs)) == (Outcome.FITTED, 1), result.reasons
    assert RunRecord.read(run.record).teacher == file_sha256(teacher / "checkpoint.keras")
    assert list((run.tensorboard / "train").glob("events.*"))
    refused = run_steps.train(replace(asked, teacher=None, run=tmp_path / "alone"))
    assert (refused.outcome, refused.reasons[0][:21]) == (Outcome.REFUSED, "distillation_weight: ")


def test_a_recipe_that_distils_needs_a_teacher(taught: Recipe) -> None:
    with pytest.raises(RecipeError, match=r"^distillation_weight: give the release folder of a teacher"):
        teachers.check(taught, None)
    teachers.check(taught, bundled.newest())


def test_a_teacher_that_nobody_asks_is_refused(taught: Recipe) -> None:
    with pytest.raises(RecipeError, match="distillation_weight: it is 0"):
        teachers.check(taught.with_changes(distillation_weight=0), bundled.newest())


def test_a_recipe_that_shows_no_photos_cannot_be_taught(taught: Recipe) -> None:
    head = taught.stages[0].model_dump() | {"trainable_layers": 0, "augment": False}
    with pytest.raises(RecipeError, match="distillation_weight: no stage shows photos"):
        teachers.check(taught.with_changes(stages=[head]), bundled.newest())


def test_a_folder_without_a_checkpoint_teaches_nothing(taught: Recipe, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"has no checkpoint\.keras to learn from"):
        teachers.check(taught, tmp_path)
    with pytest.raises(DataError, match="is no release folder with a checkpoint"):
        teachers.load(tmp_path, taught, TRASHNET)


def test_a_damaged_checkpoint_is_refused(taught: Recipe, tmp_path: Path) -> None:
    shutil.copy(bundled.newest() / "manifest.json", tmp_path)
    (tmp_path / "checkpoint.keras").write_bytes(b"torn")
    with pytest.raises(DataError, match="is no release folder with a checkpoint"):
        teachers.load(tmp_path, taught, TRASHNET)


def test_a_teacher_of_other_labels_is_refused(taught: Recipe) -> None:
    others = LabelSet(id="two", version=1, labels=tuple(TRASHNET.labels[:2]))
    with pytest.raises(DataError, match="knows cardboard, glass, metal, paper, plastic, trash"):
        teachers.load(bundled.newest(), taught, others)


def test_a_teacher_that_sees_another_crop_is_refused(taught: Recipe) -> None:
    with pytest.raises(DataError, match="set crop to the teacher's"):
        teachers.load(bundled.newest(), taught.with_changes(crop="centre_square"), TRASHNET)
