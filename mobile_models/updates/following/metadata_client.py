"""Verified metadata: python-tuf's client, reading over HTTP.

Guarantees: metadata is verified in the order of TUF's specification (1.0.31, section 5) and judged by the time that it
is given; no answer takes for ever and none is larger than its role may be. A phone that is killed, or loses its power,
between any two files finds a local copy that it can go on from: what it has believed once still protects against older
metadata. What goes wrong is an `UpdateRefused` with its reason.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path

import httpx
from tuf.api import exceptions as tuf
from tuf.ngclient import FetcherInterface, Updater

from mobile_models import durable_file
from mobile_models.updates.following import seen_timestamp
from mobile_models.updates.following.known_time import KnownTime
from mobile_models.updates.following.refusals import RefusalReason, UpdateRefused, refusing_storage_errors
from mobile_models.updates.following.seen_timestamp import SeenTimestamp

_METADATA_SECONDS = 60.0


class HttpFetcher(FetcherInterface):
    """Fetches metadata for python-tuf, which limits the bytes; here the time is limited, too."""

    def __init__(self, http: httpx.Client) -> None:
        self._http = http
        self.server_date: datetime | None = None
        """What the newest answer said; nobody has signed it."""
        self.seen: SeenTimestamp | None = None
        """What need not be sent again."""

    def _fetch(self, url: str) -> Iterator[bytes]:
        deadline = time.monotonic() + _METADATA_SECONDS
        seen = self.seen if url.endswith(f"/{seen_timestamp.NAME}") else None
        # Packed, a few bytes could become more than a phone has of memory before anybody counts them.
        headers = {"Accept-Encoding": "identity", "Cache-Control": "no-cache"} | (seen.condition if seen else {})
        try:
            with self._http.stream("GET", url, headers=headers) as answer:
                self.server_date = _date(answer)
                if seen is not None and seen.is_unchanged(answer):
                    yield seen.content
                    return
                if answer.status_code != httpx.codes.OK:
                    raise tuf.DownloadHTTPError(f"{url} answered {answer.status_code}", answer.status_code)
                for chunk in answer.iter_raw():
                    if time.monotonic() > deadline:
                        raise tuf.SlowRetrievalError(f"{url} took more than {_METADATA_SECONDS:.0f} s")
                    yield chunk
        except httpx.HTTPError as error:
            raise tuf.DownloadError(f"{url} cannot be fetched: {error}") from error


class _DurableUpdater(Updater):
    """python-tuf's client renames what it keeps and leaves it to the system when that reaches the disk."""

    def _persist_file(self, filename: str, data: bytes) -> None:
        path = Path(filename)
        if not path.is_file() or path.read_bytes() != data:  # The root of the app is kept at each look.
            durable_file.write(path, data)


def refreshed(metadata: Path, url: str, trusted_root: bytes, fetcher: HttpFetcher, known_time: KnownTime) -> Updater:
    """Return python-tuf's client with all top-level metadata of `url` verified and kept in the folder `metadata`.

    Raise python-tuf's errors and `OSError`; `refusing_metadata_errors` gives them their reasons.
    """
    metadata.mkdir(parents=True, exist_ok=True)
    for left_over in metadata.rglob("*.partial"):  # A kill may come before the rename.
        left_over.unlink()
    moment = known_time.now(_newest_root(metadata))
    client = _DurableUpdater(str(metadata), url, fetcher=fetcher, bootstrap=trusted_root)
    trusted = client._trusted_set  # There is no public way to say what time it is.
    trusted.reference_time = moment
    fetcher.seen = SeenTimestamp(metadata)
    client.refresh()
    fetcher.seen.keep()
    known_time.learn(moment, root_version=trusted.root.version, expires=trusted.timestamp.expires)
    return client


def is_consistent(client: Updater) -> bool:
    """Whether target files lie under their digests; those of our own repositories do."""
    return client._trusted_set.root.consistent_snapshot is True


@contextmanager
def refusing_metadata_errors(fetcher: HttpFetcher, known_time: KnownTime) -> Iterator[None]:
    try:
        with refusing_storage_errors():
            yield
    except tuf.ExpiredMetadataError as error:
        hint = known_time.explain(fetcher.server_date)
        raise UpdateRefused(RefusalReason.EXPIRED_METADATA, f"{error}{hint}") from error
    except (tuf.RepositoryError, tuf.DownloadError) as error:
        raise UpdateRefused(_reason(error), str(error)) from error


def _newest_root(metadata: Path) -> int:
    """Return the version of the newest root that this phone has verified."""
    names = (path.name.partition(".")[0] for path in (metadata / "root_history").glob("*.root.json"))
    return max((int(name) for name in names if name.isdecimal()), default=0)


def _date(answer: httpx.Response) -> datetime | None:
    try:
        date = parsedate_to_datetime(answer.headers.get("Date", ""))
    except ValueError:
        return None
    return date if date.tzinfo else date.replace(tzinfo=UTC)


def _reason(error: tuf.RepositoryError | tuf.DownloadError) -> RefusalReason:
    reasons: list[tuple[type[Exception], RefusalReason]] = [
        (tuf.BadVersionNumberError, RefusalReason.OLDER_METADATA),
        (tuf.DownloadLengthMismatchError, RefusalReason.TAMPERED_METADATA),
        (tuf.RepositoryError, RefusalReason.TAMPERED_METADATA),
        (tuf.DownloadError, RefusalReason.UNREACHABLE),
    ]
    return next(reason for kind, reason in reasons if isinstance(error, kind))
