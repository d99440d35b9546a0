"""The fleet's releases: whole by every digest, and bad exactly where the scenario says."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from backend.first_start import read_release
from cli.fleet import made_releases, things
from mobile_models import bundled
from mobile_models.classifier import Classifier
from mobile_models.manifest import ReleaseManifest
from mobile_models.updates.following.updater import RefusalReason, UpdateRefused
from phone.fleet.scenarios import PLAYED, Scenario
from phone.model_store import open_tested

BUNDLED = bundled.newest()


def made(folder: Path, scenario: Scenario) -> Path:
    return made_releases.make(BUNDLED, folder / scenario, 9, scenario)


def agreement(release: Path) -> float:
    """Share of pictures that the release and the bundled one call alike."""
    new, old = Classifier.load(release), Classifier.load(BUNDLED)
    seen = things.photos()[:12]
    return sum(new.classify(each).best_label == old.classify(each).best_label for each in seen) / len(seen)


@pytest.mark.parametrize("scenario", PLAYED)
def test_every_made_release_belongs_together_by_digest(tmp_path: Path, scenario: Scenario) -> None:
    manifest, _ = read_release(made(tmp_path, scenario))
    assert manifest.version == 9
    assert manifest.model.sha256 != ReleaseManifest.read(BUNDLED / "manifest.json").model.sha256


def test_a_good_release_passes_its_self_tests_and_answers_as_before(tmp_path: Path) -> None:
    release = made(tmp_path, Scenario.GOOD)
    open_tested(release)
    assert agreement(release) > 0.9


def test_a_worse_release_passes_its_self_tests_and_answers_wrongly(tmp_path: Path) -> None:
    release = made(tmp_path, Scenario.WORSE)
    open_tested(release)
    assert agreement(release) == 0.0


@pytest.mark.parametrize(
    ("scenario", "reason"),
    [
        (Scenario.BROKEN_FILE, RefusalReason.MODEL_BROKEN),
        (Scenario.SELF_TEST, RefusalReason.SELF_TEST_FAILED),
    ],
)
def test_a_release_that_does_not_open_is_refused_by_the_phone(
    tmp_path: Path, scenario: Scenario, reason: RefusalReason
) -> None:
    with pytest.raises(UpdateRefused) as refused:
        open_tested(made(tmp_path, scenario))
    assert refused.value.reason == reason


def test_the_bundled_release_of_a_city_is_as_old_as_its_days(tmp_path: Path) -> None:
    moment = datetime(2026, 1, 1, tzinfo=UTC)
    copy = made_releases.bundled(BUNDLED, tmp_path / "copy", moment)
    assert read_release(copy)[0].created_at == moment
    open_tested(copy)
