"""A change of keys, tried on a copy of the repository before it is done.

Guarantees: the repository itself is only read. What is said to work has worked on the copy: the publisher took it up
with its own keys, and python-tuf's client came through, both as a phone that was up to date and as one that has seen
nothing since the first root.
"""

import tempfile
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path

from obstore.store import LocalStore, ObjectStore
from tuf.api.exceptions import DownloadError, RepositoryError

from mobile_models.updates.keys.signing_keys import KeyProblem, KeyRing
from mobile_models.updates.publishing import (
    pending_metadata,
    published_updates,
    repository,
    repository_files,
    stored_files,
)


@dataclass(frozen=True)
class Rehearsed:
    """What was found on the copy."""

    root_version: int
    targets_version: int
    releases: int
    phones: tuple[str, ...]
    """Those that came through, in words."""


def rehearse(store: ObjectStore, keys: KeyRing, *contents: bytes, moment: datetime | None = None) -> Rehearsed:
    """Publish signed root or targets metadata on a copy of `store`. Raise `KeyProblem` if anything would go wrong."""
    with tempfile.TemporaryDirectory(prefix="rehearsal-") as name:
        scratch = Path(name)
        copy = LocalStore(scratch / "updates", mkdir=True)
        _copy(store, copy)
        phones = {"a phone that was up to date": scratch / "new", "a phone of the first root": scratch / "old"}
        for folder in phones.values():
            folder.mkdir()
        _look(copy, keys, scratch / "new", "a phone that is up to date cannot read the repository even now")
        pending_metadata.hand_in(copy, *contents)
        _take_up(copy, keys, moment)
        for phone, folder in phones.items():
            _look(copy, keys, folder, f"{phone} would refuse the update repository")
        releases = repository.verify(copy, keys.trusted_root).versions
        chain = repository_files.read_chain(copy, keys.trusted_root)
    return Rehearsed(chain.root.signed.version, chain.targets.signed.version, len(releases), tuple(phones))


def _take_up(copy: ObjectStore, keys: KeyRing, moment: datetime | None) -> None:
    outcome = repository.reconcile(copy, keys, partial(repository.as_published, copy), moment=moment)
    if pending_metadata.waits(copy):
        raise KeyProblem("; ".join(outcome.warnings))


def _look(copy: ObjectStore, keys: KeyRing, folder: Path, complaint: str) -> None:
    try:
        client = published_updates.open_client(copy, folder, keys.trusted_root)
        client.refresh()
        for channel in published_updates.pointers(copy, repository_files.read_chain(copy, keys.trusted_root)):
            target = client.get_targetinfo(f"channels/{channel}.json")
            if target is None:
                raise KeyProblem(f"{complaint}: channel {channel} is gone")
            client.download_target(target)
    except (RepositoryError, DownloadError) as error:
        raise KeyProblem(f"{complaint}: {error}") from error


def _copy(store: ObjectStore, copy: ObjectStore) -> None:
    for folder in ("metadata", "targets"):
        for path, _ in stored_files.ages(store, folder):
            stored_files.put(copy, path, stored_files.read(store, path), "overwrite")
