"""Clocks that are wrong: nothing that has expired is installed, and a person is told what to set."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from mobile_models.updates.following.known_time import KnownTime
from mobile_models.updates.following.updater import RefusalReason, UpdateRefused
from phone.client import Phone, UpdateState
from tests import pictures
from tests.phone.conftest import NOW, City, MakePhone
from tests.updates import desired

YEARS = timedelta(days=1500)


class Clock:
    def __init__(self, moment: datetime = NOW) -> None:
        self.moment = moment

    def __call__(self) -> datetime:
        return self.moment


def _refused(phone: Phone) -> UpdateRefused:
    with pytest.raises(UpdateRefused) as caught:
        phone.update()
    return caught.value


def test_a_clock_that_is_years_ahead_refuses_and_says_so_and_the_old_model_answers(
    city: City, make_phone: MakePhone
) -> None:
    clock = Clock()
    city.publish(desired(1, 2, current=2))
    phone = make_phone(city.web.url, clock=clock)
    assert phone.update() == UpdateState.UPDATED
    city.publish(desired(1, 2, 3, current=3))
    clock.moment = NOW + YEARS
    before = datetime.now(UTC)
    refused = _refused(phone)
    assert refused.reason == RefusalReason.EXPIRED_METADATA
    assert f"clock says {NOW + YEARS:%Y-%m-%d}" in refused.detail
    assert any(f"server's {moment:%Y-%m-%d}" in refused.detail for moment in (before, datetime.now(UTC)))
    assert (phone.release, phone.classify(pictures.jpeg("glass")).label) == (2, "glass")
    clock.moment = NOW
    assert (phone.update(), phone.release) == (UpdateState.UPDATED, 3), "a wrong clock leaves nothing behind"


def test_a_phone_whose_battery_was_empty_updates_with_a_clock_of_1970(city: City, make_phone: MakePhone) -> None:
    city.publish(desired(1, 2, current=2))
    phone = make_phone(city.web.url, clock=Clock(datetime(1970, 1, 1, tzinfo=UTC)))
    assert (phone.update(), phone.release) == (UpdateState.UPDATED, 2)


def test_a_clock_that_was_set_back_brings_no_expired_metadata_back_to_life(
    city: City, make_phone: MakePhone, tmp_path: Path
) -> None:
    """Somebody freezes the phone: it gets an old repository, and the time of that repository."""
    clock = Clock()
    city.publish(desired(1, 2, current=2))
    phone = make_phone(city.web.url, clock=clock)
    assert phone.update() == UpdateState.UPDATED
    before = {path: path.read_bytes() for path in (city.folder / "metadata").iterdir()}
    clock.moment = NOW + timedelta(days=30)
    city.publish(desired(1, 2, 3, current=3), moment=clock.moment)
    assert (phone.update(), phone.release) == (UpdateState.UPDATED, 3)
    for path, content in before.items():
        path.write_bytes(content)
    for name in ("timestamp", "snapshot", "targets", "channels"):  # Even the memory of newer versions is lost.
        (tmp_path / "phone" / "updates" / "metadata" / f"{name}.json").unlink()
    clock.moment = NOW + timedelta(days=1)
    assert _refused(phone).reason == RefusalReason.EXPIRED_METADATA
    assert phone.release == 3


def test_an_app_is_never_older_than_the_release_it_came_with(city: City, make_phone: MakePhone) -> None:
    city.publish(desired(1, 2, current=2), moment=datetime(2026, 10, 1, tzinfo=UTC))  # A month before release 1.
    phone = make_phone(city.web.url, clock=Clock(datetime(2026, 10, 1, tzinfo=UTC)))
    assert _refused(phone).reason == RefusalReason.EXPIRED_METADATA


# What is remembered.

DAY = datetime(2027, 5, 1, 12, 30, tzinfo=UTC)


def _known(tmp_path: Path, moment: datetime = DAY) -> KnownTime:
    return KnownTime(tmp_path / "known_time.json", lambda: moment)


def test_time_never_runs_backwards_by_more_than_an_hour(tmp_path: Path) -> None:
    _known(tmp_path).learn(DAY, root_version=1, expires=DAY + timedelta(days=3))
    assert _known(tmp_path, DAY - YEARS).now(1) == DAY.replace(minute=0)
    assert _known(tmp_path, DAY + YEARS).now(1) == DAY + YEARS


def test_a_moment_after_the_expiry_of_what_proved_it_is_not_believed(tmp_path: Path) -> None:
    _known(tmp_path).learn(DAY, root_version=1, expires=DAY - timedelta(seconds=1))
    assert _known(tmp_path, DAY - YEARS).now(1) == DAY - YEARS


def test_new_root_keys_end_what_older_ones_have_proven(tmp_path: Path) -> None:
    """A thief of the timestamp key could have proven any time; a new root takes that back."""
    _known(tmp_path).learn(DAY + YEARS, root_version=1, expires=DAY + 2 * YEARS)
    assert _known(tmp_path).now(1) > DAY
    assert _known(tmp_path).now(2) == DAY
    _known(tmp_path).learn(DAY, root_version=2, expires=DAY + timedelta(days=3))
    assert _known(tmp_path, DAY - YEARS).now(2) == DAY.replace(minute=0)


def test_a_memory_that_cannot_be_read_is_no_memory(tmp_path: Path) -> None:
    (tmp_path / "known_time.json").write_bytes(b"\x00" * 40)
    assert _known(tmp_path).now(1) == DAY
