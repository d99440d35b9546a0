"""Field reports: what one phone met with its releases on one UTC day, in counts.

Guarantees: a report says nothing about what was photographed, where or by whom; its only names are a random id, the
kind of phone and the versions. Counts that cannot be true for one phone and one day are not a report. Each release of
a report has an arm, so that phones in the cohort of a candidate are compared with phones that are not, as chance has
dealt them (`arm_of`), and not with those that were merely quicker to update.
"""

import math
import operator
from datetime import date
from enum import StrEnum
from typing import Annotated, Self
from uuid import UUID

from pydantic import Field, StringConstraints, model_validator

from mobile_models.document import Document
from mobile_models.updates import update_channel
from mobile_models.updates.update_channel import ChannelPointer

LATENCY_BUCKETS = 34
"""Two for each doubling: bucket k counts answers that took at least 2^(k/2) and less than 2^((k+1)/2) milliseconds. The
first also counts all that were faster; the last, from 92.7 seconds on, all that were slower."""
MOST_RELEASES, MOST_REASONS = 8, 24
"""A phone runs one release, meets another or two in a day, and few ways to refuse them."""
_SOME, _MANY = 100, 5000

Reason = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z_]{0,39}$")]
"""Why a release was refused: `updates.following.updater.RefusalReason`. The server counts reasons that it does not
know, those of a newer app, as `other`."""
LatencyBucket = Annotated[int, Field(ge=0, lt=LATENCY_BUCKETS)]
Few = Annotated[int, Field(ge=0, le=_SOME)]
Many = Annotated[int, Field(ge=0, le=_MANY)]


class Arm(StrEnum):
    """Which side of a rollout a phone was on while it ran a release."""

    CANDIDATE = "candidate"  # in the cohort, with the candidate
    AWAITED = "awaited"  # in the cohort, with another release: not downloaded yet, postponed or refused
    CURRENT = "current"  # not in a cohort, with what the channel gives to everybody
    BUNDLED = "bundled"  # not in a cohort, with the release that came with the app
    UNSEEN = "unseen"  # has seen no pointer of the channel on this day or the one before: on no side


class ReleaseUse(Document):
    """What happened with one release. Corrections count to the day and the release of their answer."""

    version: int = Field(ge=1, lt=2**31)
    arm: Arm
    installed: Few = Field(default=0, description="it passed its self-tests here and was swapped in")
    refused: dict[Reason, Few] = Field(default_factory=dict, max_length=MOST_REASONS)
    looks_refused: dict[Reason, Few] = Field(
        default_factory=dict,
        max_length=MOST_REASONS,
        exclude_if=operator.not_,
        description="why looking for updates failed while it ran, where that concerned no release",
    )
    self_test_failed: Few = 0
    load_crashes: Few = Field(default=0, description="the app ended while it was loaded, seen at the next start")
    rolled_back: Few = Field(default=0, description="the phone went back from it by itself to the one before")
    loads: Many = 0
    answers: Many = 0
    accepted: Many = Field(default=0, description="answers that the resident has said to be right")
    corrected: Many = Field(default=0, description="answers that the resident has said to be wrong")
    latency: dict[LatencyBucket, Many] = Field(default_factory=dict, description="answers by `latency_bucket`")

    @model_validator(mode="after")
    def _counts_agree(self) -> Self:
        if self.accepted + self.corrected > self.answers:
            raise ValueError("accepted and corrected are answers; there cannot be more of them than answers")
        if sum(self.latency.values()) > self.answers:
            raise ValueError("latency has more answers than were given")
        return self


class FieldReport(Document):
    """Body of `POST /v1/field-reports`. The same `report_id` counts once, however often it is sent."""

    format_version: int = Field(default=1, ge=1, le=1)
    report_id: UUID = Field(description="made by the phone, at random")
    day: date = Field(description="UTC")
    channel: str = Field(default=update_channel.STABLE, pattern=r"^[a-z][a-z0-9_-]{0,31}$")
    phone_model: str = Field(min_length=1, max_length=80, description="maker and model, for example Fairphone 5")
    app_version: str = Field(min_length=1, max_length=40)
    runtime_version: str = Field(min_length=1, max_length=40)
    releases: tuple[ReleaseUse, ...] = Field(min_length=1, max_length=MOST_RELEASES)

    @model_validator(mode="after")
    def _each_release_once(self) -> Self:
        keys = [(use.version, use.arm) for use in self.releases]
        if len(set(keys)) != len(keys):
            raise ValueError("a release has one entry for each arm")
        return self


def latency_bucket(milliseconds: float) -> int:
    """Return the bucket of `LATENCY_BUCKETS` for an answer that took so long."""
    return min(LATENCY_BUCKETS - 1, max(0, math.floor(2 * math.log2(milliseconds)))) if milliseconds > 0 else 0


def bucket_milliseconds(bucket: int) -> tuple[float, float]:
    """Return where `bucket` begins and ends; the first begins at 0 and the last ends nowhere."""
    begins, ends = 2 ** (bucket / 2), 2 ** ((bucket + 1) / 2)
    return (0.0 if bucket == 0 else begins, math.inf if bucket == LATENCY_BUCKETS - 1 else ends)


def arm_of(pointer: ChannelPointer | None, device_id: str, version: int, bundled_version: int) -> Arm:
    """Return the arm under which this phone counts `version`.

    `pointer` is the one verified last, or None if none was verified on the day of the report or the day before. Phones
    that do not look are the same kind of people on both sides; left out on one side alone they would bias the other.
    """
    if pointer is None:
        return Arm.UNSEEN
    candidate = None if pointer.return_to_bundled else pointer.candidate
    if candidate is not None and update_channel.in_cohort(device_id, candidate.salt, candidate.rollout_percent):
        return Arm.CANDIDATE if version == candidate.version else Arm.AWAITED
    return Arm.BUNDLED if version == bundled_version else Arm.CURRENT
