"""What a phone does to get a release: verify the metadata, choose, download.

Guarantees: python-tuf verifies all metadata in the specified order before anything in it is believed; an offered model
is one that `targets` signed, whatever `channels` says; a download goes on where it was cut and is handed over only with
the signed digest. Whatever is wrong is an `UpdateRefused` with a reason, and nothing that was installed is touched.
"""

import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import httpx
from tuf.api import exceptions as tuf
from tuf.api.metadata import TargetFile
from tuf.ngclient import FetcherInterface, Updater

from mobile_models.document import Sha256, file_sha256, sha256
from mobile_models.manifest import ReleaseManifest
from mobile_models.updates import staged_targets, update_channel
from mobile_models.updates.update_channel import ChannelPointer, DownloadConditions

_DOCUMENT_LIMIT_BYTES = 1024 * 1024
_METADATA_SECONDS = 60.0


class RefusalReason(StrEnum):
    UNREACHABLE = "unreachable"  # try again later; nothing is wrong with the release
    NOT_PUBLISHED = "not_published"
    TAMPERED_METADATA = "tampered_metadata"
    EXPIRED_METADATA = "expired_metadata"
    OLDER_METADATA = "older_metadata"
    TAMPERED_FILE = "tampered_file"
    OTHER_LABEL_SET = "other_label_set"
    RUNTIME_TOO_OLD = "runtime_too_old"
    APP_TOO_OLD = "app_too_old"
    MODEL_BROKEN = "model_broken"
    SELF_TEST_FAILED = "self_test_failed"


class UpdateRefused(Exception):
    """The phone keeps the model that it has."""

    def __init__(self, reason: RefusalReason, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail


@dataclass(frozen=True)
class UpdateSource:
    """Where updates come from, and where what was verified last is remembered."""

    url: str
    """Of the folder that holds `metadata/` and `targets/`."""
    trusted_root: bytes
    """root.json as it was built into the app."""
    directory: Path
    """Of this client alone; losing it loses the protection against older metadata."""
    http: httpx.Client


@dataclass(frozen=True)
class Offer:
    """A release that this phone should run."""

    manifest: ReleaseManifest
    manifest_content: bytes
    model: TargetFile
    conditions: DownloadConditions

    @property
    def digest(self) -> Sha256:
        """Digest of the manifest, which names everything else."""
        return sha256(self.manifest_content)


def look(source: UpdateSource, channel: str, device_id: str) -> Offer | None:
    """Return the release that `channel` gives to this device; None for the one that came with the app.

    Raise `UpdateRefused` if it cannot be reached or may not be believed.
    """
    documents = source.directory / "documents"
    for folder in (source.directory / "metadata", documents):
        folder.mkdir(parents=True, exist_ok=True)
    try:
        client = Updater(
            str(source.directory / "metadata"),
            f"{source.url}/metadata/",
            str(documents),
            f"{source.url}/targets/",
            HttpFetcher(source.http),
            bootstrap=source.trusted_root,
        )
        client.refresh()
        pointer = ChannelPointer.model_validate_json(_document(client, update_channel.target_path(channel)))
        version = update_channel.choose(pointer, device_id)
        return None if version is None else _offer(client, pointer, version)
    except (tuf.RepositoryError, tuf.DownloadError) as error:
        raise _refusal(error) from error
    except ValueError as error:  # Signed, and yet not readable for this version of the app.
        raise UpdateRefused(RefusalReason.APP_TOO_OLD, f"a signed document cannot be read: {error}") from error


def download(source: UpdateSource, target: TargetFile, folder: Path) -> Path:
    """Return the path of `target` in `folder`, downloaded as far as it is not there.

    Raise `UpdateRefused`: `unreachable` keeps what has come so far, `tampered_file` does not.
    """
    folder.mkdir(parents=True, exist_ok=True)
    digest = target.hashes["sha256"]
    complete, partial = folder / digest, folder / f"{digest}.partial"
    if complete.exists() and file_sha256(complete) == digest:
        return complete
    parent, _, name = target.path.rpartition("/")
    url = f"{source.url}/targets/{parent}/{digest}.{name}"
    resumed = _fetch_rest(source.http, url, partial, target.length)
    if resumed and file_sha256(partial) != digest:  # The first part may have been damaged on this phone.
        partial.unlink()
        _fetch_rest(source.http, url, partial, target.length)
    if file_sha256(partial) != digest:
        partial.unlink()
        raise UpdateRefused(RefusalReason.TAMPERED_FILE, f"{target.path} is not what was signed")
    partial.replace(complete)
    return complete


def check_fits(offer: Offer, known: ReleaseManifest, *, runtime_version: str, app_version: str) -> None:
    """Raise `UpdateRefused` unless this app, made for the labels of `known`, can run `offer`."""
    offered, own = offer.manifest.label_set, known.label_set
    if not (offered.extends(own) or own.extends(offered)):
        wanted = f"{own.id} {own.version} ({', '.join(own.ids)})"
        raise UpdateRefused(
            RefusalReason.OTHER_LABEL_SET, f"it answers with {', '.join(offered.ids)}, and this app knows {wanted}"
        )
    needs_runtime, needs_app = offer.manifest.minimum_runtime_version, offer.manifest.minimum_app_version
    if _numbers(runtime_version) < _numbers(needs_runtime):
        raise UpdateRefused(
            RefusalReason.RUNTIME_TOO_OLD, f"it needs LiteRT {needs_runtime}, here is {runtime_version}"
        )
    if _numbers(app_version) < _numbers(needs_app):
        raise UpdateRefused(RefusalReason.APP_TOO_OLD, f"it needs app {needs_app}, this is {app_version}")


class HttpFetcher(FetcherInterface):
    """Fetches metadata for python-tuf, which limits the bytes; here the time is limited, too."""

    def __init__(self, http: httpx.Client) -> None:
        self._http = http

    def _fetch(self, url: str) -> Iterator[bytes]:
        deadline = time.monotonic() + _METADATA_SECONDS
        try:
            with self._http.stream("GET", url, headers={"Cache-Control": "no-cache"}) as answer:
                if answer.status_code != httpx.codes.OK:
                    raise tuf.DownloadHTTPError(f"{url} answered {answer.status_code}", answer.status_code)
                for chunk in answer.iter_bytes():
                    if time.monotonic() > deadline:
                        raise tuf.SlowRetrievalError(f"{url} took more than {_METADATA_SECONDS:.0f} s")
                    yield chunk
        except httpx.HTTPError as error:
            raise tuf.DownloadError(f"{url} cannot be fetched: {error}") from error


def _offer(client: Updater, pointer: ChannelPointer, version: int) -> Offer:
    content = _document(client, staged_targets.manifest_path(version))
    manifest = ReleaseManifest.model_validate_json(content)
    model = client.get_targetinfo(staged_targets.model_path(version))
    if model is None:
        raise UpdateRefused(RefusalReason.NOT_PUBLISHED, f"release {version} has no model")
    named = (manifest.version, manifest.model.sha256, manifest.model.size_bytes)
    if named != (version, model.hashes.get("sha256"), model.length):
        raise UpdateRefused(RefusalReason.TAMPERED_METADATA, f"the manifest of release {version} names another model")
    candidate = pointer.candidate
    conditions = candidate.conditions if candidate and candidate.version == version else DownloadConditions()
    return Offer(manifest, content, model, conditions)


def _document(client: Updater, path: str) -> bytes:
    target = client.get_targetinfo(path)
    if target is None:
        raise UpdateRefused(RefusalReason.NOT_PUBLISHED, f"there is no {path}")
    if target.length > _DOCUMENT_LIMIT_BYTES:
        raise UpdateRefused(RefusalReason.APP_TOO_OLD, f"{path} has {target.length} bytes")
    return Path(client.find_cached_target(target) or client.download_target(target)).read_bytes()


def _refusal(error: tuf.RepositoryError | tuf.DownloadError) -> UpdateRefused:
    reasons: list[tuple[type[Exception], RefusalReason]] = [
        (tuf.ExpiredMetadataError, RefusalReason.EXPIRED_METADATA),
        (tuf.BadVersionNumberError, RefusalReason.OLDER_METADATA),
        (tuf.DownloadLengthMismatchError, RefusalReason.TAMPERED_METADATA),
        (tuf.RepositoryError, RefusalReason.TAMPERED_METADATA),
        (tuf.DownloadError, RefusalReason.UNREACHABLE),
    ]
    return UpdateRefused(next(reason for kind, reason in reasons if isinstance(error, kind)), str(error))


def _fetch_rest(http: httpx.Client, url: str, partial: Path, length: int) -> bool:
    """Bring `partial` to `length` bytes; return whether the beginning was there already."""
    have = partial.stat().st_size if partial.exists() else 0
    if have >= length:
        return True
    headers = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={have}-"} if have else {})
    try:
        with http.stream("GET", url, headers=headers) as answer:
            start = _start(answer, have)
            _append(answer, partial, start, length)
    except httpx.HTTPError as error:
        raise UpdateRefused(RefusalReason.UNREACHABLE, f"{url} cannot be fetched: {error}") from error
    if partial.stat().st_size < length:
        raise UpdateRefused(RefusalReason.UNREACHABLE, f"{url} ended early")
    return start > 0


def _start(answer: httpx.Response, have: int) -> int:
    """Return where the bytes of `answer` belong."""
    if answer.status_code == httpx.codes.PARTIAL_CONTENT:
        unit, _, place = answer.headers.get("Content-Range", "").partition(" ")
        if unit == "bytes" and place.partition("-")[0] == str(have):
            return have
    if answer.status_code == httpx.codes.OK:
        return 0
    raise UpdateRefused(RefusalReason.UNREACHABLE, f"{answer.url} answered {answer.status_code}")


def _append(answer: httpx.Response, partial: Path, start: int, length: int) -> None:
    written = start
    with partial.open("r+b" if start else "wb") as file:
        file.seek(start)
        file.truncate()
        for chunk in answer.iter_raw():
            written += len(chunk)
            if written > length:
                break
            file.write(chunk)
        file.flush()
        os.fsync(file.fileno())
    if written > length:
        partial.unlink()
        raise UpdateRefused(RefusalReason.TAMPERED_FILE, f"{answer.url} has more than the {length} bytes signed")


def _numbers(version: str) -> tuple[int, ...]:
    """`2.10.0rc1` is (2, 10), and so is `2.10`."""
    numbers = []
    for part in version.split("."):
        digits = part[: next((place for place, sign in enumerate(part) if not sign.isdecimal()), len(part))]
        numbers.append(int(digits or 0))
    while numbers and numbers[-1] == 0:
        numbers.pop()
    return tuple(numbers)
