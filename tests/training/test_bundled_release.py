"""The release that comes with the program keeps its promises."""

from pathlib import Path

import numpy as np
import pytest

from mobile_models import bundled, self_tests
from mobile_models.classifier import Classifier
from mobile_models.document import Sha256, file_sha256, sha256
from mobile_models.evaluation import Blessing, EvaluationReport, Verdict
from mobile_models.label_set import TRASHNET
from mobile_models.manifest import ReleaseManifest
from training.dataset import SeenPhotos, Split
from training.quantization.quantize import float_operators
from training.recipe import Recipe

RELEASE = bundled.newest()


@pytest.fixture(scope="module")
def manifest() -> ReleaseManifest:
    return ReleaseManifest.read(RELEASE / "manifest.json")


@pytest.fixture(scope="module")
def report() -> EvaluationReport:
    return EvaluationReport.read(RELEASE / "evaluation.json")


def test_every_file_is_named_by_digest(manifest: ReleaseManifest, report: EvaluationReport) -> None:
    blessing = Blessing.read(RELEASE / "blessing.json")
    assert manifest.model.sha256 == report.model == file_sha256(RELEASE / "model.tflite")
    assert manifest.evaluation.evaluation_digest == report.digest == blessing.challenger
    assert manifest.evaluation.blessing_digest == blessing.digest
    assert manifest.lineage.recipe_digest == Recipe.read(RELEASE / "recipe.json").digest
    assert (blessing.verdict, blessing.rubber_stamped) == (Verdict.PASSED, False)
    assert manifest.label_set == TRASHNET


def test_it_passes_its_own_self_tests() -> None:
    classifier = Classifier.load(RELEASE)
    self_tests.run(classifier, classifier.manifest)


def test_it_is_small_and_computes_in_integers() -> None:
    assert float_operators(RELEASE / "model.tflite") == ()
    assert (RELEASE / "model.tflite").stat().st_size < 4_000_000
    assert (RELEASE / "checkpoint.keras").stat().st_size < 15_000_000


def test_its_evidence_is_above_what_was_asked(report: EvaluationReport) -> None:
    right = [answer.label == answer.predicted for answer in report.answers]
    assert report.accuracy == pytest.approx(np.mean(right))
    assert report.accuracy > 0.90
    trash = [answer.predicted == "trash" for answer in report.answers if answer.label == "trash"]
    assert report.per_class["trash"].recall == pytest.approx(np.mean(trash))
    assert report.per_class["trash"].recall > 0.70
    assert report.float_agreement is not None
    assert report.float_agreement > 0.97
    assert report.outside is not None
    assert report.outside.accuracy > 0.65


def test_it_was_measured_on_photos_that_it_was_not_trained_on(report: EvaluationReport) -> None:
    seen = SeenPhotos.read(RELEASE / "dataset.json")
    assert {answer.photo for answer in report.answers} == set(seen.holdout)
    assert not set(seen.holdout) & {*seen.train, *seen.validation}


def test_the_card_says_what_was_measured(report: EvaluationReport) -> None:
    card = (RELEASE / "MODEL_CARD.md").read_text()
    assert f"{report.accuracy:.4f}" in card
    assert all(f"| {label} | {metrics.precision:.3f}" in card for label, metrics in report.per_class.items())


@pytest.mark.real_photos
def test_on_real_photos_it_answers_as_its_report_says(test_data: Path, report: EvaluationReport) -> None:
    files = {sha256(file.read_bytes()): file for file in (test_data / "trashnet").glob("*/*.jpg")}
    classifier = Classifier.load(RELEASE, threads=2)
    known = [answer for answer in report.answers if answer.photo in files]
    assert len(known) > 0.9 * len(report.answers)
    found = [classifier.classify(files[answer.photo].read_bytes()).best_label for answer in known]
    agreed = np.mean([label == answer.predicted for label, answer in zip(found, known, strict=True)])
    assert agreed > 0.99, "other processors may round a few answers otherwise"


@pytest.mark.real_photos
def test_no_object_is_both_trained_on_and_measured(test_data: Path) -> None:
    groups = dict(line.split(",") for line in (test_data / "trashnet" / "groups.csv").read_text().split()[1:])
    splits = SeenPhotos.read(RELEASE / "dataset.json").splits()
    found: dict[str, set[Split]] = {}
    for name, group in groups.items():
        digest = Sha256(file_sha256(test_data / "trashnet" / name))
        if digest in splits:
            found.setdefault(group, set()).add(splits[digest])
    assert len(found) > 1000
    assert all(len(each) == 1 for each in found.values())
