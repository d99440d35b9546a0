import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from mobile_models.updates.update_channel import Candidate, ChannelPointer, DownloadConditions, choose, in_cohort

DEVICES = [str(uuid.UUID(int=number)) for number in range(20_000)]


def _pointer(percent: float, **changes: object) -> ChannelPointer:
    candidate = Candidate(version=8, rollout_percent=percent, salt="salt")
    return ChannelPointer(current=7, candidate=candidate).model_copy(update=changes)


def test_the_cohort_rule_is_the_published_one() -> None:
    """SHA-256 of "0:a" begins with 0x9df3c5fa, which is 2649998842, and 8842 modulo 10,000."""
    assert not in_cohort("0", "a", 88.42)
    assert in_cohort("0", "a", 88.43)


@given(st.text(max_size=40), st.text(min_size=1, max_size=20), st.floats(0, 100), st.floats(0, 100))
def test_widening_never_takes_a_phone_out_of_the_cohort(device: str, salt: str, one: float, other: float) -> None:
    narrow, wide = sorted((one, other))
    assert not in_cohort(device, salt, narrow) or in_cohort(device, salt, wide)


@pytest.mark.parametrize("percent", [0, 5, 50, 100])
def test_a_rollout_reaches_its_share_of_phones(percent: float) -> None:
    reached = sum(in_cohort(device, "salt", percent) for device in DEVICES) / len(DEVICES) * 100
    assert reached == pytest.approx(percent, abs=0 if percent in (0, 100) else 1)


def test_another_salt_begins_with_other_phones() -> None:
    first, second = ({device for device in DEVICES if in_cohort(device, salt, 5)} for salt in ("a", "b"))
    assert len(first & second) < 0.1 * len(first)


def test_a_phone_in_the_cohort_takes_the_candidate_and_the_others_stay() -> None:
    chosen = {device: choose(_pointer(30), device) for device in DEVICES[:100]}
    assert chosen == {device: 8 if in_cohort(device, "salt", 30) else 7 for device in DEVICES[:100]}
    assert set(chosen.values()) == {7, 8}


def test_halting_sends_everyone_back_to_the_current_release() -> None:
    assert {choose(_pointer(100, candidate=None), device) for device in DEVICES[:100]} == {7}


def test_return_to_bundled_wins_over_everything() -> None:
    assert {choose(_pointer(100, return_to_bundled=True), device) for device in DEVICES[:100]} == {None}


def test_a_new_channel_runs_the_bundled_release() -> None:
    assert choose(ChannelPointer(), DEVICES[0]) is None


def test_a_candidate_that_is_current_already_is_refused() -> None:
    with pytest.raises(ValidationError, match="current release already"):
        ChannelPointer(current=8, candidate=Candidate(version=8, rollout_percent=5, salt="s"))


def test_a_pointer_without_the_idle_condition_reads_as_before_it_existed() -> None:
    assert b"idle_only" not in _pointer(30).to_bytes()
    idle = Candidate(version=8, rollout_percent=5, salt="s", conditions=DownloadConditions(idle_only=True))
    pointer = ChannelPointer(current=7, candidate=idle)
    assert ChannelPointer.model_validate_json(pointer.to_bytes()) == pointer
