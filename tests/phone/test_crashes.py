"""Models that take the app down with them, in a process that the kernel really kills."""

import json
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from mobile_models.field_report import FieldReport
from mobile_models.updates.following.updater import RefusalReason, UpdateRefused
from mobile_models.updates.keys.signing_keys import KeyRing
from phone.client import Phone, UpdateState
from phone.load_watch import Attempt
from tests import pictures, updates
from tests.phone import crashing_phone
from tests.phone.conftest import City, MakePhone
from tests.updates import desired

Kill = Callable[[str], None]


@pytest.fixture
def kill(city: City, tmp_path: Path, bundled: Path, keys: KeyRing) -> Kill:
    """Switch the phone on, follow the channel, and die on the way."""
    root = tmp_path / "root.json"
    root.write_bytes(keys.trusted_root)

    def kill(when: str) -> None:
        arguments = [str(tmp_path / "phone"), city.web.url, str(root), str(bundled), when]
        command = [sys.executable, "-m", "tests.phone.crashing_phone", *arguments]
        died = subprocess.run(command, cwd=Path(__file__).parents[2], timeout=120, check=False)
        assert died.returncode == -signal.SIGKILL

    return kill


def _switched_off_while_it_loaded(phone: Phone, tmp_path: Path) -> None:
    """What a killed process leaves behind."""
    attempt = Attempt(version=phone.release, manifest=phone._active.digest)
    (tmp_path / "phone" / "models" / "loading.json").write_bytes(attempt.to_bytes())


def _told(phone: Phone, city: City) -> dict[int, dict[str, object]]:
    """Return release to what the phone has reported of it."""
    phone.send()
    reports = [FieldReport.model_validate_json(body) for path, body in city.web.posted if path == "/v1/field-reports"]
    return {use.version: json.loads(use.to_bytes()) for report in reports for use in report.releases}


def test_a_release_that_ends_the_app_while_it_is_loaded_is_never_run_again(
    phone: Phone, city: City, make_phone: MakePhone, kill: Kill
) -> None:
    city.publish(desired(1, 2, 3, current=3))
    kill("loading")
    again = make_phone(city.web.url)
    assert (again.release, again.classify(pictures.jpeg("glass")).label) == (2, "glass")
    moved = city.web.moved(".tflite")
    with pytest.raises(UpdateRefused) as caught:
        again.update()
    assert caught.value.reason == RefusalReason.CRASHED
    assert city.web.moved(".tflite") == moved, "it is not downloaded again"
    told = _told(again, city)[crashing_phone.RELEASE]
    assert (told["load_crashes"], told["refused"], told["rolled_back"]) == (1, {"crashed": 1}, 0)


def test_a_new_release_that_ends_the_app_at_its_first_answer_gives_way_to_the_one_before(
    phone: Phone, city: City, make_phone: MakePhone, kill: Kill
) -> None:
    city.publish(desired(1, 2, 3, current=3))
    kill("answering")
    again = make_phone(city.web.url)
    assert (again.release, again.classify(pictures.jpeg("glass")).label) == (2, "glass")
    told = _told(again, city)[crashing_phone.RELEASE]
    assert (told["installed"], told["load_crashes"], told["rolled_back"]) == (1, 1, 1)


def test_a_release_that_has_answered_before_is_given_up_after_the_second_crash_in_a_row(
    phone: Phone, city: City, make_phone: MakePhone, tmp_path: Path
) -> None:
    city.publish(desired(1, 2, 3, current=3))
    assert phone.update() == UpdateState.UPDATED
    for _ in range(2):
        phone.classify(pictures.jpeg("glass"))  # A crash, an answer, and a crash are not two in a row.
        _switched_off_while_it_loaded(phone, tmp_path)
        phone = make_phone(city.web.url)
        assert phone.release == 3
    _switched_off_while_it_loaded(phone, tmp_path)
    assert make_phone(city.web.url).release == 2


def test_when_every_installed_release_crashes_the_bundled_one_answers(
    phone: Phone, city: City, make_phone: MakePhone, tmp_path: Path
) -> None:
    city.publish(desired(1, 2, 3, current=3))
    assert phone.update() == UpdateState.UPDATED
    for expected in (2, 1, 1):
        _switched_off_while_it_loaded(phone, tmp_path)
        phone = make_phone(city.web.url)
        assert phone.release == expected
    assert phone.classify(pictures.jpeg("paper")).label == "paper"
    city.publish(desired(1, 2, 3, 4, current=4))
    assert (phone.update(), phone.release) == (UpdateState.UPDATED, 4)


def test_a_phone_that_is_killed_while_it_downloads_goes_on_at_that_byte(
    phone: Phone, city: City, make_phone: MakePhone, kill: Kill
) -> None:
    city.publish(desired(1, 2, 3, current=3))
    kill("downloading")
    moved = city.web.moved(".tflite")
    again = make_phone(city.web.url)
    assert (again.update(), again.release) == (UpdateState.UPDATED, 3)
    assert city.web.ranges == [f"bytes={crashing_phone.DOWNLOADED_BYTES}-"]
    rest = len(updates.files(3)[1]) - crashing_phone.DOWNLOADED_BYTES
    assert city.web.moved(".tflite") - moved == rest
