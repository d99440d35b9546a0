"""What an update repository holds, read back.

Guarantees: `verify` sees the repository as a phone does: python-tuf's client checks all metadata, and every file that
it leads to is read and compared with its signed digest.
"""

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import obstore
from obstore.store import ObjectStore
from tuf.api.exceptions import DownloadError, DownloadHTTPError, RepositoryError
from tuf.ngclient import FetcherInterface, Updater

from mobile_models.updates import staged_targets
from mobile_models.updates.publishing import repository_files
from mobile_models.updates.publishing.repository_files import Chain, RepositoryInvalid
from mobile_models.updates.update_channel import ChannelPointer


@dataclass(frozen=True)
class Published:
    versions: frozenset[int]
    channels: dict[str, ChannelPointer]


def published_versions(store: ObjectStore) -> frozenset[int]:
    return frozenset(staged_targets.releases_in(repository_files.read_chain(store).targets.signed))


def pointer(store: ObjectStore, channel: str) -> ChannelPointer | None:
    """Return what the channel says now; None if there is no such channel."""
    return pointers(store, repository_files.read_chain(store)).get(channel)


def verify(store: ObjectStore, trusted_root: bytes) -> Published:
    """Read everything as a phone does, with every file. Raise `RepositoryInvalid` if a phone would refuse anything."""
    with tempfile.TemporaryDirectory() as folder:
        try:
            client = open_client(store, Path(folder), trusted_root)
            client.refresh()
            chain = repository_files.read_chain(store, trusted_root)
            for path in (*chain.targets.signed.targets, *chain.channels.signed.targets):
                target = client.get_targetinfo(path)
                if target is None:
                    raise RepositoryInvalid(f"a phone would not find {path}")
                Path(client.download_target(target)).unlink()
        except (RepositoryError, DownloadError) as error:
            raise RepositoryInvalid(f"a phone would refuse the update repository: {error}") from error
    return Published(frozenset(staged_targets.releases_in(chain.targets.signed)), pointers(store, chain))


def open_client(store: ObjectStore, folder: Path, trusted_root: bytes) -> Updater:
    """Return python-tuf's client on `store`; it keeps what it has seen in `folder`, as a phone does."""
    return Updater(str(folder), "metadata/", str(folder), "targets/", _StoreReader(store), bootstrap=trusted_root)


def pointers(store: ObjectStore, chain: Chain) -> dict[str, ChannelPointer]:
    """Return channel to pointer."""
    found: dict[str, ChannelPointer] = {}
    for path, target in chain.channels.signed.targets.items():
        folder, _, name = path.partition("/")
        if folder == "channels":
            content = repository_files.read_target(store, target)
            found[name.removesuffix(".json")] = ChannelPointer.model_validate_json(content)
    return found


class _StoreReader(FetcherInterface):
    """Lets python-tuf's client read a store, with keys for URLs."""

    def __init__(self, store: ObjectStore) -> None:
        self._store = store

    def _fetch(self, url: str) -> Iterator[bytes]:
        try:
            found = obstore.get(self._store, url)
        except FileNotFoundError as error:
            raise DownloadHTTPError(f"there is no {url}", 404) from error
        except obstore.exceptions.BaseError as error:
            raise DownloadError(f"{url} cannot be read: {error}") from error
        return (bytes(chunk) for chunk in found)
