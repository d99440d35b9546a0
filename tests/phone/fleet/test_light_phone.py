"""A light phone follows its city as the reference client does."""

from dataclasses import replace
from datetime import timedelta

import pytest

from mobile_models.document import sha256
from mobile_models.field_report import Arm
from mobile_models.updates.following.updater import RefusalReason
from mobile_models.updates.publishing.repository import DesiredRelease
from mobile_models.updates.update_channel import ChannelPointer, DownloadConditions
from phone.fleet.people import HABITS, MODELS, OLD_APP
from phone.fleet.scenarios import CRASHING_MODELS, Scenario
from tests import updates
from tests.phone.fleet.small_city import PERFECT, SmallCity
from tests.updates import desired


def test_a_phone_takes_the_candidate_and_goes_back_when_it_is_halted(city: SmallCity) -> None:
    city.publish(desired(1, current=1))
    phone = city.phone()
    assert phone.live(0).arm == Arm.BUNDLED
    city.publish(desired(1, 2, current=1, candidate=2, percent=100))
    lived = phone.live(1)
    assert (phone.release, lived.installed, lived.arm) == (2, 2, Arm.CANDIDATE)
    assert lived.download is not None
    assert lived.download.moved_bytes == len(updates.files(2)[1])
    city.publish(desired(1, 2, current=1))
    assert (phone.live(2).installed, phone.release, phone.ever_ran) == (1, 1, {2})


def test_phones_share_one_file_of_a_model_that_each_has_downloaded_and_verified(city: SmallCity) -> None:
    city.publish(desired(1, 2, current=2))
    phones = [city.phone(number) for number in range(3)]
    assert [phone.live(0).installed for phone in phones] == [2, 2, 2]
    model = updates.files(2)[1]
    assert city.server.moved(".model.tflite") == 3 * len(model)
    shared = sorted(path.name for path in city.world.model_files.iterdir())
    assert shared == sorted(sha256(updates.files(version)[1]) for version in (1, 2))
    assert not list(city.world.scratch.iterdir())


def test_a_download_that_is_cut_goes_on_at_the_next_visit(city: SmallCity) -> None:
    manifest, model = updates.files(2, padding_bytes=400_000)
    city.publish(replace(desired(current=2), releases=(DesiredRelease(2, manifest, lambda: model),)))
    city.has(2, model)
    phone = city.phone(network=replace(PERFECT, cut_fraction=1.0))
    days = [phone.live(day) for day in range(40)]
    assert phone.release == 2, "each visit brings a little more"
    assert days[0].refused == RefusalReason.UNREACHABLE
    assert city.server.ranges
    assert sum(lived.traffic.cut for lived in days) > 1
    assert city.world.model_files.joinpath(sha256(model)).read_bytes() == model


def test_a_phone_whose_runtime_or_app_is_too_old_downloads_no_model(city: SmallCity) -> None:
    city.publish(desired(1, 2, current=2))
    old_runtime = city.phone(0, model=next(model for model in MODELS if model.runtime_version == "1.4"))
    old_app = city.phone(1, app_version=OLD_APP)
    assert old_runtime.live(0).refused == RefusalReason.RUNTIME_TOO_OLD
    assert old_app.live(0).refused == RefusalReason.APP_TOO_OLD
    assert city.server.moved(".model.tflite") == 0
    assert (old_runtime.ever_ran, old_app.ever_ran) == (set(), set())


@pytest.mark.parametrize(
    ("scenario", "reason"),
    [
        (Scenario.BROKEN_FILE, RefusalReason.MODEL_BROKEN),
        (Scenario.SELF_TEST, RefusalReason.SELF_TEST_FAILED),
    ],
)
def test_a_release_that_does_not_open_is_never_run_and_not_downloaded_again(
    city: SmallCity, scenario: Scenario, reason: RefusalReason
) -> None:
    city.suffers(scenario)
    city.publish(desired(1, 2, current=1, candidate=2, percent=100))
    phone = city.phone()
    lived = phone.live(0)
    assert (lived.refused, lived.refused_version, lived.installed) == (reason, 2, None)
    moved = city.server.moved(".model.tflite")
    assert phone.live(1).refused == reason
    assert city.server.moved(".model.tflite") == moved
    assert (phone.release, phone.ever_ran) == (1, set())


def test_a_release_that_ends_the_app_has_been_run_by_the_phones_that_it_ends(city: SmallCity) -> None:
    city.suffers(Scenario.CRASH)
    city.publish(desired(1, 2, current=1, candidate=2, percent=100))
    weak = city.phone(0, model=next(model for model in MODELS if model.name in CRASHING_MODELS))
    strong = city.phone(1)
    assert (weak.live(0).crashed, weak.release, weak.ever_ran) == (True, 1, {2})
    assert (strong.live(0).crashed, strong.release) == (False, 2)


def test_a_clock_that_is_years_ahead_refuses_the_update_and_one_that_is_behind_does_not(city: SmallCity) -> None:
    city.publish(desired(1, 2, current=2))
    ahead, behind = (city.phone(number, clock_error=timedelta(days=days)) for number, days in enumerate((900, -900)))
    lived = ahead.live(0)
    assert (lived.refused, lived.refused_version) == (RefusalReason.EXPIRED_METADATA, None)
    assert ahead.release == 1
    assert behind.live(0).installed == 2


def test_a_phone_that_comes_online_weekly_lives_its_other_days_without_the_server(city: SmallCity) -> None:
    city.publish(desired(1, 2, current=2))
    weekly = next(habit for habit in HABITS if habit.online_every_days == 7)
    phone = city.phone(3, habit=weekly)
    days = [phone.live(day) for day in range(14)]
    assert [lived.is_online for lived in days].count(True) == 2
    assert sum(lived.traffic.requests for lived in days if not lived.is_online) == 0
    assert days[3].arm == Arm.UNSEEN, "it has never seen the channel's pointer"


def test_a_download_for_unmetered_networks_waits_for_one(city: SmallCity) -> None:
    state = desired(1, 2, current=1, candidate=2, percent=100)
    candidate = state.channels["stable"].candidate
    assert candidate is not None
    careful = candidate.model_copy(update={"conditions": DownloadConditions(unmetered_only=True)})
    city.publish(replace(state, channels={"stable": ChannelPointer(current=1, candidate=careful)}))
    metered, free = city.phone(0, network=replace(PERFECT, unmetered_fraction=0.0)), city.phone(1)
    lived = metered.live(0)
    assert (lived.postponed, metered.release, lived.arm) == (True, 1, Arm.AWAITED)
    assert (free.live(0).postponed, free.release) == (False, 2)
