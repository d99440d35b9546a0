"""Old files of the update repository go, after a time of grace.

Guarantees: what anything published names stays, and so does whatever was published within the grace time, so that a
download under way ends well and a phone that was led somewhere finds what it was led to. Roots stay for ever: a phone
that was away for years goes through all of them. Nothing is deleted before what replaces it is published.

A phone that runs a deleted model keeps it. One that was downloading it finds it gone, and what is current the next
time.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta

from obstore.store import ObjectStore
from tuf.api.metadata import Metadata, Targets
from tuf.api.serialization import DeserializationError

from mobile_models.updates.publishing import repository_files, stored_files
from mobile_models.updates.publishing.repository_files import Chain
from mobile_models.updates.update_roles import UpdateRole

GRACE = timedelta(days=7)
"""Longer than a timestamp holds, so that no phone believes what has led to a deleted file."""
_LISTS = (UpdateRole.TARGETS, UpdateRole.CHANNELS)


def prune(store: ObjectStore, before: Chain, now: Chain, moment: datetime, grace: timedelta = GRACE) -> list[str]:
    """Delete what nobody can be led to any more, given what was published until now and what is; return the paths."""
    since = moment - grace
    numbers = repository_files.numbers_in_use(store)
    kept = {
        role: _kept(numbers.get(role, {}), (before.signed(role).version, now.signed(role).version), since)
        for role in (*_LISTS, UpdateRole.SNAPSHOT)
    }
    old = [
        repository_files.numbered_file(role, number)
        for role, numbers_kept in kept.items()
        for number in numbers.get(role, {})
        if number not in numbers_kept
    ]
    old += _unnamed_targets(store, now, {role: kept[role] for role in _LISTS}, since)
    for path in old:
        stored_files.delete(store, path)
    stored_files.remove_unfinished(store, since)
    return old


def _kept(written_at: Mapping[int, datetime], published: Iterable[int], since: datetime) -> frozenset[int]:
    """Return the numbers that were published at any time since then.

    What was published at that moment is the newest from before. That may be the rest of a publisher that was killed
    while what is published has a lower number; but then a timestamp has expired since, and `published` names what it
    led to.
    """
    newest_before = max((number for number, moment in written_at.items() if moment < since), default=0)
    lowest = min([*published, newest_before])
    return frozenset(number for number in written_at if number >= lowest)


def _unnamed_targets(
    store: ObjectStore, now: Chain, kept: Mapping[UpdateRole, frozenset[int]], since: datetime
) -> list[str]:
    """Return target files from before that no list of `kept` names; the lists are read only if there may be any."""
    published = {
        repository_files.target_file(target) for role in _LISTS for target in now.metadata(role).signed.targets.values()
    }
    old = {path for path, written_at in stored_files.ages(store, "targets") if written_at < since} - published
    for role in _LISTS:
        for number in kept[role] if old else ():
            old -= _named(store, role, number)
    return sorted(old)


def _named(store: ObjectStore, role: UpdateRole, number: int) -> frozenset[str]:
    content = repository_files.find_numbered(store, role, number)
    try:
        metadata = Metadata[Targets].from_bytes(content or b"")
    except DeserializationError:  # Half a file, which a power cut has left, leads nowhere.
        return frozenset()
    return frozenset(repository_files.target_file(target) for target in metadata.signed.targets.values())
