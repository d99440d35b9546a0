"""Phones behind malicious mirrors never run anything bad, whatever the mirror does."""

import pytest

from mobile_models.updates.following import target_download
from mobile_models.updates.following.updater import RefusalReason
from phone.fleet import mirrors
from phone.fleet.light_phone import LightPhone
from phone.fleet.people import Mischief
from phone.fleet.phone_day import PhoneDay
from tests.phone.fleet.small_city import SmallCity
from tests.updates import desired


def live(city: SmallCity, phone: LightPhone, day: int) -> PhoneDay:
    mischief = phone.person.mischief
    assert mischief is not None
    city.behind(mischief, day)
    return phone.live(day)


def test_forged_metadata_is_refused_and_the_phone_keeps_what_it_has(city: SmallCity) -> None:
    city.publish(desired(1, current=1))
    phone = city.phone(mischief=Mischief.TAMPERS_METADATA)
    assert live(city, phone, 0).refused is None
    city.publish(desired(1, 2, current=2))
    lived = live(city, phone, 2)
    assert (lived.refused, lived.breach, phone.release) == (RefusalReason.TAMPERED_METADATA, None, 1)


def test_a_model_of_other_bytes_is_refused(city: SmallCity) -> None:
    city.publish(desired(1, 2, current=2))
    phone = city.phone(mischief=Mischief.TAMPERS_MODELS)
    lived = live(city, phone, 0)
    assert (lived.refused, lived.breach, phone.ever_ran) == (RefusalReason.TAMPERED_FILE, None, set())


def test_the_metadata_of_the_bad_days_is_refused_once_better_has_been_seen(city: SmallCity) -> None:
    phone = city.phone(mischief=Mischief.REPLAYS)
    city.publish(desired(1, 2, current=1, candidate=2, percent=100))
    first = city.phone(1, mischief=Mischief.REPLAYS)
    assert live(city, first, 0).installed == 2, "this one has let the mirror see the bad release"
    city.publish(desired(1, 2, current=1))
    assert live(city, phone, 2).refused is None
    lived = live(city, phone, 3)
    assert (lived.refused, lived.breach, phone.ever_ran) == (RefusalReason.OLDER_METADATA, None, set())


def test_frozen_metadata_is_believed_until_it_expires_and_no_longer(city: SmallCity) -> None:
    city.publish(desired(1, current=1))
    phone = city.phone(mischief=Mischief.FREEZES)
    assert live(city, phone, 0).refused is None
    city.publish(desired(1, 2, current=2))
    frozen = mirrors.Freezes.freezes_on
    # After three days it is a matter of the second in which it was signed.
    assert [live(city, phone, frozen + late).refused for late in (0, 1, 2, 4, 5)] == [
        None,
        None,
        None,
        RefusalReason.EXPIRED_METADATA,
        RefusalReason.EXPIRED_METADATA,
    ]
    assert phone.release == 1


@pytest.mark.parametrize(("day", "reason"), [(2, "tampered_metadata"), (3, "tampered_file")])
def test_data_without_end_is_cut_off_early(city: SmallCity, day: int, reason: str) -> None:
    city.publish(desired(1, current=1))
    phone = city.phone(mischief=Mischief.ENDLESS)
    live(city, phone, 0)
    city.publish(desired(1, 2, current=2))
    lived = live(city, phone, day)
    assert (lived.refused, lived.breach, phone.release) == (RefusalReason(reason), None, 1)
    assert lived.traffic.received_bytes < 2_000_000


def test_a_phone_that_falls_for_a_mirror_is_found_out(city: SmallCity, monkeypatch: pytest.MonkeyPatch) -> None:
    """The judge can fail: here the phone's check of the digest is switched off."""
    city.publish(desired(1, 2, current=2))
    is_intact = target_download.is_intact
    monkeypatch.setattr(
        target_download,
        "is_intact",
        lambda path, target: path.exists() if target.path.endswith(".tflite") else is_intact(path, target),
    )
    lived = live(city, city.phone(mischief=Mischief.TAMPERS_MODELS), 0)
    assert lived.breach == "took a model that the city never published as release 2"
