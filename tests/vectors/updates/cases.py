"""The cases of the test vectors: what a phone meets, and what it must make of it.

Guarantees: what is expected is written down here by hand and never computed by the client under test. Every case
begins with phones as they come from the factory (`phone/`): release 1, and no metadata but the first root.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from tuf.api.metadata import MetaFile

from mobile_models.document import sha256
from mobile_models.updates.update_channel import ChannelPointer
from mobile_models.updates.update_roles import UpdateRole
from tests.vectors.updates import city
from tests.vectors.updates.city import SIGNED_AT, Draft, Files, draft

SOON = SIGNED_AT + timedelta(hours=1)
EVERYBODY = ("phone-1", "phone-3", "phone-25")
"""With the salt 4f2c these are at 5660, 4049 and 44 of 10,000."""
HUGE_VERSION = 2**31

Expected = dict[str, Any]


@dataclass(frozen=True)
class Visit:
    """All phones look at `files` at `moment`, in the order of the visits."""

    files: Files
    phones: dict[str, Expected]
    """Device id to what is expected of it."""
    moment: datetime = SOON
    city: str | None = None
    """Whose guide the phones follow."""


@dataclass(frozen=True)
class Case:
    name: str
    about: str
    visits: Callable[[], list[Visit]]


CASES: list[Case] = []


def case(make: Callable[[], list[Visit]]) -> Callable[[], list[Visit]]:
    """Take a function for a case: its name is the name, its docstring says what it is about."""
    assert make.__doc__ is not None
    CASES.append(Case(make.__name__.replace("_", "-"), make.__doc__, make))
    return make


def runs(version: int, download: str = "whole", **more: Any) -> Expected:
    """`download` is `whole`, `patch`, or `none` where the phone has the model already."""
    manifest, model = city.release(version)
    sizes = {"whole": len(model), "patch": len(city.patch(1, version)[1]), "none": 0}
    digests = {"manifest_sha256": sha256(manifest), "model_sha256": sha256(model)}
    return {"verdict": "release", "version": version, **digests, "download": download, "bytes": sizes[download], **more}


def candidate(download: str = "whole") -> Expected:
    return runs(3, download, conditions={"unmetered_only": True})


def bundled() -> Expected:
    return {"verdict": "bundled"}


def refuses(reason: str) -> Expected:
    return {"verdict": "refused", "reason": reason}


def all_expect(expected: Expected, files: Files, moment: datetime = SOON) -> Visit:
    return Visit(files, dict.fromkeys(EVERYBODY, expected), moment)


def only(expected: Expected, made: Draft | Files, moment: datetime = SOON) -> list[Visit]:
    """One visit of one phone."""
    files = made.sign() if isinstance(made, Draft) else made
    return [Visit(files, {"phone-1": expected}, moment)]


# What the channel says.


@case
def good() -> list[Visit]:
    """Everybody runs release 2."""
    return [all_expect(runs(2), draft().sign())]


@case
def candidate_in_and_out_of_cohort() -> list[Visit]:
    """Release 3 for 5 % of the phones: only phone-25 is in the cohort."""
    phones = {"phone-1": runs(2), "phone-3": runs(2), "phone-25": candidate()}
    return [Visit(draft(city.candidate(5)).sign(), phones)]


@case
def candidate_widened() -> list[Visit]:
    """From 5 % to 50 %: phone-3 joins, and phone-25 does not leave."""
    wider = draft(city.candidate(50), version=3)
    phones = {"phone-1": runs(2, "none"), "phone-3": candidate(), "phone-25": candidate("none")}
    return [*candidate_in_and_out_of_cohort(), Visit(wider.sign(), phones)]


@case
def candidate_halted() -> list[Visit]:
    """The candidate is taken back: phone-25, which ran it, goes back to release 2."""
    phones = {"phone-1": runs(2, "none"), "phone-3": runs(2, "none"), "phone-25": runs(2)}
    return [*candidate_in_and_out_of_cohort(), Visit(draft(version=3).sign(), phones)]


@case
def going_back() -> list[Visit]:
    """Release 3, and then release 2 again by newer metadata."""
    newer = draft(ChannelPointer(current=3))
    return [all_expect(runs(3), newer.sign()), all_expect(runs(2), draft(version=3).sign())]


@case
def return_to_bundled() -> list[Visit]:
    """Everybody runs what came with the app, also the cohort of a candidate."""
    pointer = city.candidate(50).model_copy(update={"return_to_bundled": True})
    return [all_expect(bundled(), draft(pointer).sign())]


@case
def no_current_release() -> list[Visit]:
    """`current` is null: the bundled release, but for the cohort of the candidate."""
    pointer = city.candidate(50).model_copy(update={"current": None})
    return [Visit(draft(pointer).sign(), {"phone-1": bundled(), "phone-3": candidate(), "phone-25": candidate()})]


@case
def release_that_is_not_signed() -> list[Visit]:
    """The channel names release 9, and `targets` has none."""
    return only(refuses("not_published"), draft(ChannelPointer(current=9)))


@case
def unknown_field_in_the_pointer() -> list[Visit]:
    """A channel that this version of the app cannot read: it does not guess."""
    made = draft()
    made.point(city.with_member(ChannelPointer(current=2).to_bytes(), "later_invention", 1))
    return only(refuses("app_too_old"), made)


# What time it is.


@case
def expired_timestamp() -> list[Visit]:
    """The timestamp holds for three days, and nobody signed it anew."""
    return only(refuses("expired_metadata"), draft(), SIGNED_AT + timedelta(days=3))


@case
def timestamp_in_its_last_second() -> list[Visit]:
    """Until the very second of `expires` it counts."""
    return only(runs(2), draft(), SIGNED_AT + timedelta(days=3, seconds=-1))


@case
def expired_snapshot() -> list[Visit]:
    """Timestamp and channels were signed anew, the snapshot was not."""
    return only(refuses("expired_metadata"), _aged(UpdateRole.SNAPSHOT), SIGNED_AT + timedelta(days=21))


@case
def expired_channels() -> list[Visit]:
    """Timestamp and snapshot were signed anew, `channels` was not."""
    return only(refuses("expired_metadata"), _aged(UpdateRole.CHANNELS), SIGNED_AT + timedelta(days=21))


@case
def expired_targets() -> list[Visit]:
    """All online metadata is fresh, and `targets` is a year old; so is the root, which outlives it here."""
    made = _aged(UpdateRole.TARGETS, later=timedelta(days=365))
    root = city.root_of(made.signers, version=2)
    root.expires += timedelta(days=365)
    made.roots.append((root, made.signers[UpdateRole.ROOT]))
    return only(refuses("expired_metadata"), made, SIGNED_AT + timedelta(days=365))


@case
def expired_root() -> list[Visit]:
    """Everything but the root was signed anew within the year."""
    made = _aged(UpdateRole.ROOT, later=timedelta(days=365))
    made.targets.expires += timedelta(days=365)
    return only(refuses("expired_metadata"), made, SIGNED_AT + timedelta(days=365))


def _aged(old: UpdateRole, later: timedelta = timedelta(days=21)) -> Draft:
    """Return a repository in which everything online but `old` was signed `later`."""
    made = draft()
    for role, signed in (
        (UpdateRole.CHANNELS, made.channels),
        (UpdateRole.SNAPSHOT, made.snapshot),
        (UpdateRole.TIMESTAMP, made.timestamp),
    ):
        if role != old:
            signed.expires += later
    return made


# Older metadata again.


@case
def rolled_back_timestamp() -> list[Visit]:
    """A mirror serves the repository of yesterday."""
    yesterday = draft(version=2).sign()
    return [
        all_expect(runs(3), draft(ChannelPointer(current=3), version=3).sign()),
        all_expect(refuses("older_metadata"), yesterday),
    ]


@case
def rolled_back_snapshot() -> list[Visit]:
    """A thief of the online keys lets a new timestamp lead to an old snapshot."""
    old = draft(version=2)
    old.timestamp.version = 4
    return [
        all_expect(runs(3), draft(ChannelPointer(current=3), version=3).sign()),
        all_expect(refuses("older_metadata"), old.sign()),
    ]


@case
def rolled_back_channels() -> list[Visit]:
    """A thief of the online keys lets a new snapshot name the old `channels`."""
    old = draft(version=4)
    old.channels.version = 2
    old.snapshot.meta["channels.json"] = MetaFile(2)
    return [
        all_expect(runs(3), draft(ChannelPointer(current=3), version=3).sign()),
        all_expect(refuses("older_metadata"), old.sign()),
    ]


@case
def mixed_snapshot() -> list[Visit]:
    """The snapshot names `targets` 3; under that name an older one is served."""
    newer, older = draft(version=3).sign(), draft(version=2).sign()
    newer["metadata/3.targets.json"] = older["metadata/2.targets.json"]
    return only(refuses("older_metadata"), newer)
