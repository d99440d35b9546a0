"""A field report holds counts that can be true, and each phone knows its side of a rollout."""

import itertools
import math
import uuid
from datetime import date
from typing import Any

import pytest
from pydantic import ValidationError

from mobile_models import field_report
from mobile_models.field_report import LATENCY_BUCKETS, Arm, FieldReport, ReleaseUse, arm_of, latency_bucket
from mobile_models.updates.update_channel import Candidate, ChannelPointer


def report(**changes: Any) -> FieldReport:
    values = {
        "report_id": uuid.UUID(int=7),
        "day": date(2026, 11, 20),
        "phone_model": "Fairphone 5",
        "app_version": "1.4.0",
        "runtime_version": "2.1.0",
        "releases": (ReleaseUse(version=3, arm=Arm.CANDIDATE, loads=1, answers=9, corrected=1, latency={9: 8, 11: 1}),),
    }
    return FieldReport.model_validate(values | changes)


def test_a_report_is_read_as_it_was_written() -> None:
    written = report()
    assert FieldReport.model_validate_json(written.to_bytes()) == written
    assert len(written.to_bytes()) < 600
    assert b"looks_refused" not in written.to_bytes(), "it joined the format later"


@pytest.mark.parametrize(
    "counts",
    [
        {"answers": 3, "corrected": 4},
        {"answers": 3, "corrected": 2, "accepted": 2},
        {"answers": 3, "latency": {4: 2, 5: 2}},
        {"answers": -1},
        {"answers": 5001},
        {"loads": 10**9},
        {"installed": 101},
        {"refused": {"unreachable": 101}},
        {"refused": {"Not a reason": 1}},
        {"refused": {f"reason_{'a' * number}": 1 for number in range(25)}},
        {"looks_refused": {"expired_metadata": 101}},
        {"answers": 3, "latency": {LATENCY_BUCKETS: 1}},
        {"version": 0},
        {"version": 2**31},
    ],
)
def test_counts_that_cannot_be_true_are_no_report(counts: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        ReleaseUse.model_validate({"version": 3, "arm": "current"} | counts)


def test_a_release_is_told_of_once_for_each_arm() -> None:
    before, after = (ReleaseUse(version=2, arm=arm) for arm in (Arm.CURRENT, Arm.AWAITED))
    assert report(releases=(before, after)).releases == (before, after)
    with pytest.raises(ValidationError, match="one entry"):
        report(releases=(before, before))


def test_every_latency_falls_into_the_bucket_that_holds_it() -> None:
    for milliseconds in (0, 0.3, 1, 1.42, 2, 33.3, 92_000, 1e9):
        begins, ends = field_report.bucket_milliseconds(latency_bucket(milliseconds))
        assert begins <= milliseconds < ends
    edges = [field_report.bucket_milliseconds(bucket) for bucket in range(LATENCY_BUCKETS)]
    assert all(before[1] == after[0] for before, after in itertools.pairwise(edges))
    assert (edges[0][0], edges[-1][1]) == (0, math.inf)


POINTER = ChannelPointer(current=2, candidate=Candidate(version=3, rollout_percent=50, salt="x"))


def test_a_phone_in_the_cohort_is_on_the_candidates_side_before_it_has_it() -> None:
    member, other = (
        next(name for name in map(str, range(100)) if (arm_of(POINTER, name, 3, 1) == Arm.CANDIDATE) is wanted)
        for wanted in (True, False)
    )
    assert [arm_of(POINTER, member, version, 1) for version in (1, 2, 3)] == [Arm.AWAITED, Arm.AWAITED, Arm.CANDIDATE]
    assert [arm_of(POINTER, other, version, 1) for version in (1, 2)] == [Arm.BUNDLED, Arm.CURRENT]
    halted = POINTER.model_copy(update={"return_to_bundled": True})
    assert arm_of(halted, member, 1, 1) == Arm.BUNDLED


def test_a_phone_that_has_not_looked_is_on_no_side() -> None:
    assert arm_of(None, "any", 2, 1) == Arm.UNSEEN
