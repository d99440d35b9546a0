"""Patches: which pairs of releases get one, and what has become of it.

Guarantees: what is wanted follows from channels, rollouts and the releases that phones really have (`wanted`), whenever
it is asked. A patch is only a smaller way to a release that phones are given anyway: nothing waits for it, and one that
fails or does not pay is left out.

    REQUESTED -> READY        made, stored, to be published while it is wanted
        |  ^
        v  |
    NOT_SMALLER or FAILED     the latter is tried again after a day
"""

from collections.abc import Collection, Iterable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from sqlmodel import Session, col, select

from backend import job_queue, publisher
from backend.evidence import field_reports
from backend.records import audit_log
from backend.releasing import channels, rollouts
from backend.tables import JobKind, Patch, PatchState, Release, ReleaseState, Rollout, RolloutState
from mobile_models.document import Sha256
from mobile_models.updates import patches

LEAST_SHARE = 0.01
"""Of phones that must have a release before patches from it are made only for them."""
MOST_USED = 4
"""Of such releases, the most common ones: each patch adds a line to what every phone with news downloads."""
TRIED_AGAIN_AFTER = timedelta(days=1)
ON_THE_WAY_BACK = timedelta(days=30)
"""After a rollout was halted some phones still have its release, and may have reported nothing yet."""
_MAKER = "patch"


class Pair(NamedTuple):
    """From a release that phones have to one that they are given."""

    old: int
    new: int

    @property
    def subject(self) -> str:
        return f"{self.old}-{self.new}"

    @property
    def key(self) -> str:
        """Where the patch lies in storage."""
        return f"artefacts/patches/{self.subject}.patch"


@dataclass(frozen=True)
class Ways:
    """Where phones are, and where they are sent."""

    goals: AbstractSet[int]
    """What everybody or a part of the phones is being given."""
    returns: AbstractSet[Pair]
    """The way back after a rollout that is over, should it turn out bad."""
    starts: AbstractSet[int]
    """Releases that phones have for certain: the one of the app, where rollouts came from, what was just taken back."""


@dataclass(frozen=True)
class Made:
    """A patch that pays, in storage under `Pair.key`."""

    method: str
    size_bytes: int
    sha256: Sha256


@dataclass(frozen=True)
class ReadyPatch:
    pair: Pair
    path: str
    """Among the targets of the update repository."""
    size_bytes: int
    sha256: Sha256


def pair_of(subject: str) -> Pair:
    """Undo `Pair.subject`, the subject of a job."""
    old, _, new = subject.partition("-")
    return Pair(int(old), int(new))


def choose(ways: Ways, in_use: Mapping[int, float], known: Collection[int]) -> frozenset[Pair]:
    """Return the pairs of releases that should have a patch, of those that are `known`.

    From what phones have to what they are given: `in_use` is the share of phones on each release. The releases that
    phones are given count among those that they have, so that going back is as small as going on.
    """
    common = sorted(
        (version for version, share in in_use.items() if share >= LEAST_SHARE), key=lambda each: -in_use[each]
    )
    starts = ways.goals | ways.starts | {*common[:MOST_USED]}
    pairs = {Pair(old, new) for new in ways.goals for old in starts} | ways.returns
    return frozenset(pair for pair in pairs if pair.old != pair.new and {*pair} <= {*known})


def wanted(session: Session, moment: datetime) -> frozenset[Pair]:
    """Return the pairs that should have a patch now."""
    known = session.exec(select(Release.version).where(Release.state != ReleaseState.PROPOSED)).all()
    return choose(_ways(session, moment), field_reports.releases_in_use(session, moment), known)


def ask_for_wanted(session: Session, moment: datetime) -> frozenset[Pair]:
    """Ask for each wanted patch that there is not, and again for one that failed long ago; return what is wanted."""
    pairs = wanted(session, moment)
    rows = {Pair(row.from_version, row.to_version): row for row in session.exec(select(Patch))}
    for pair in sorted(pairs):
        row = rows.get(pair) or Patch(from_version=pair.old, to_version=pair.new)
        if pair not in rows or _is_due_again(row, moment):
            _ask(session, row, moment)
    return pairs


def ready(session: Session, moment: datetime) -> tuple[ReadyPatch, ...]:
    """Return the patches that the update repository should hold."""
    pairs = wanted(session, moment)
    statement = select(Patch).where(Patch.state == PatchState.READY).order_by(*_KEY)
    rows = {Pair(row.from_version, row.to_version): row for row in session.exec(statement)}
    digests = _model_digests(session, {version for pair in pairs for version in pair})
    return tuple(
        ReadyPatch(pair, patches.target_path(digests[pair.old], digests[pair.new]), row.size_bytes, Sha256(row.sha256))
        for pair, row in rows.items()
        if pair in pairs and row.size_bytes and row.sha256
    )


def settle_made(session: Session, pair: Pair, made: Made, moment: datetime) -> None:
    """Write down what was made, and let it be published."""
    row = _requested(session, pair)
    if row is None:
        return
    row.method, row.size_bytes, row.sha256 = made.method, made.size_bytes, made.sha256
    _end(session, row, PatchState.READY, moment, method=made.method, size_bytes=made.size_bytes)
    publisher.ask(session)


def settle_not_smaller(session: Session, pair: Pair, moment: datetime) -> None:
    if (row := _requested(session, pair)) is not None:
        _end(session, row, PatchState.NOT_SMALLER, moment)


def settle_failed(session: Session, pair: Pair, reason: str, moment: datetime) -> None:
    if (row := _requested(session, pair)) is not None:
        row.error = reason
        _end(session, row, PatchState.FAILED, moment, reason=reason)


def make_again(session: Session, pairs: Iterable[Pair], moment: datetime) -> None:
    """Ask for patches anew whose files were lost."""
    for pair in pairs:
        row = session.get(Patch, pair)
        if row is not None and row.state == PatchState.READY:
            _ask(session, row, moment)


def long_unwanted(session: Session, before: datetime, moment: datetime) -> frozenset[Pair]:
    """Return the patches that ended before `before` and are wanted no more."""
    statement = select(Patch).where(Patch.state != PatchState.REQUESTED, col(Patch.ended_at) < before)
    rows = session.exec(statement).all()
    return frozenset(Pair(row.from_version, row.to_version) for row in rows) - wanted(session, moment)


def forget(session: Session, pair: Pair) -> None:
    row = session.get(Patch, pair)
    if row is not None:
        session.delete(row)


_KEY = (col(Patch.from_version), col(Patch.to_version))


def _ways(session: Session, moment: datetime) -> Ways:
    under_way = rollouts.under_way(session)
    current = _numbers(channel.current_version for channel in channels.every(session))
    bundled = session.exec(select(Release.version).where(col(Release.training_run_id).is_(None))).all()
    completed = session.exec(select(Rollout).where(Rollout.state == RolloutState.COMPLETED)).all()
    taken_back = select(Rollout).where(
        col(Rollout.state).in_([RolloutState.HALTED, RolloutState.WITHDRAWN]),
        col(Rollout.started_at).is_not(None),
        col(Rollout.ended_at) > moment - ON_THE_WAY_BACK,
    )
    return Ways(
        goals=current | {rollout.version for rollout in under_way},
        returns={
            Pair(rollout.version, rollout.came_from)
            for rollout in completed
            if rollout.version in current and rollout.came_from is not None
        },
        starts={*bundled}
        | _numbers(rollout.came_from for rollout in under_way)
        | {rollout.version for rollout in session.exec(taken_back)},
    )


def _numbers(versions: Iterable[int | None]) -> set[int]:
    return {version for version in versions if version is not None}


def _model_digests(session: Session, versions: Collection[int]) -> dict[int, str]:
    rows = session.exec(select(Release).where(col(Release.version).in_(versions))).all()
    return {row.version: row.manifest["model"]["sha256"] for row in rows}


def _is_due_again(row: Patch, moment: datetime) -> bool:
    return row.state == PatchState.FAILED and row.ended_at is not None and row.ended_at <= moment - TRIED_AGAIN_AFTER


def _ask(session: Session, row: Patch, moment: datetime) -> None:
    row.state, row.requested_at, row.ended_at, row.error = PatchState.REQUESTED, moment, None, None
    session.add(row)
    session.flush()
    job_queue.enqueue(session, JobKind.PATCH, Pair(row.from_version, row.to_version).subject)


def _requested(session: Session, pair: Pair) -> Patch | None:
    statement = select(Patch).where(Patch.from_version == pair.old, Patch.to_version == pair.new).with_for_update()
    row = session.exec(statement.execution_options(populate_existing=True)).one_or_none()
    return row if row is not None and row.state == PatchState.REQUESTED else None


def _end(session: Session, row: Patch, state: PatchState, moment: datetime, **detail: Any) -> None:
    row.state, row.ended_at = state, moment
    session.add(row)
    subject = f"patch/{Pair(row.from_version, row.to_version).subject}"
    audit_log.record(session, _MAKER, f"patch.{state}", subject, **detail)
