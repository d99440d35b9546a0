"""What a phone does to get a release: verify the metadata, choose, download.

Guarantees: python-tuf verifies all metadata in the specified order before anything in it is believed; an offered model
is one that `targets` signed, whatever `channels` says; a download goes on where it was cut and is handed over only with
the signed digest, also where it was put together from a patch. Whatever is wrong is an `UpdateRefused` with a reason,
and nothing that was installed is touched.
"""

from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path

import httpx
from tuf.api.metadata import TargetFile
from tuf.ngclient import Updater

from mobile_models.document import Sha256, sha256
from mobile_models.guide import Guide
from mobile_models.manifest import ReleaseManifest
from mobile_models.updates import guide_file, patches, staged_targets, update_channel
from mobile_models.updates.following import city_guide, metadata_client, target_download
from mobile_models.updates.following.known_time import LONG_AGO, Clock, KnownTime, system_clock
from mobile_models.updates.following.metadata_client import HttpFetcher
from mobile_models.updates.following.refusals import RefusalReason, UpdateRefused, refusing_storage_errors
from mobile_models.updates.patches import PatchProblem
from mobile_models.updates.update_channel import ChannelPointer, DownloadConditions

__all__ = [
    "DownloadedModel",
    "HttpFetcher",
    "ModelPatch",
    "Offer",
    "RefusalReason",
    "UpdateRefused",
    "UpdateSource",
    "check_fits",
    "download",
    "download_model",
    "guide",
    "look",
    "pointer_seen_last",
]

_DOCUMENT_LIMIT_BYTES = 1024 * 1024


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
    """Several phones of one process may share it."""
    clock: Clock = system_clock
    not_before: datetime = LONG_AGO
    """When the app was made; a clock that says less is wrong."""

    @property
    def known_time(self) -> KnownTime:
        return KnownTime(self.directory / "known_time.json", self.clock, self.not_before)


@dataclass(frozen=True)
class ModelPatch:
    """Makes the offered model out of another one."""

    old: Sha256
    """Of the model file that it starts from."""
    target: TargetFile


@dataclass(frozen=True)
class Offer:
    """A release that this phone should run."""

    manifest: ReleaseManifest
    manifest_content: bytes
    model: TargetFile
    conditions: DownloadConditions
    patches: tuple[ModelPatch, ...] = ()
    """From models that are on this phone."""

    @property
    def digest(self) -> Sha256:
        """Digest of the manifest, which names everything else."""
        return sha256(self.manifest_content)


@dataclass(frozen=True)
class DownloadedModel:
    path: Path
    patch_problem: str | None = None
    """Why a patch that was there did not do, so that the whole model was downloaded."""


def look(
    source: UpdateSource, channel: str, device_id: str, models: Iterable[Sha256] = (), city: str | None = None
) -> Offer | None:
    """Return the release that `channel` gives to this device; None for the one that came with the app.

    `models` are the digests of the model files that the phone has; of `city` the guide is brought along. Raise
    `UpdateRefused` if it cannot be reached or may not be believed.
    """
    fetcher, known_time = HttpFetcher(source.http), source.known_time
    try:
        with metadata_client.refusing_metadata_errors(fetcher, known_time):
            metadata, url = source.directory / "metadata", f"{source.url}/metadata/"
            client = metadata_client.refreshed(metadata, url, source.trusted_root, fetcher, known_time)
            if city is not None:
                _follow_guide(source, client, city)
            return _choose(source, client, channel, device_id, models)
    except ValueError as error:  # Signed, and yet not readable for this version of the app.
        raise UpdateRefused(RefusalReason.APP_TOO_OLD, f"a signed document cannot be read: {error}") from error


def pointer_seen_last(source: UpdateSource) -> ChannelPointer | None:
    """Return what the channel said when it was last verified; None if this phone has never seen it."""
    try:
        content = next((source.directory / "documents" / "channels").glob("[0-9a-f]" * 64)).read_bytes()
        return ChannelPointer.model_validate_json(content)
    except (StopIteration, ValueError):
        return None


def download(source: UpdateSource, target: TargetFile, folder: Path) -> Path:
    """Return the path of `target` in `folder`, downloaded as far as it is not there.

    Raise `UpdateRefused`: `unreachable` keeps what has come so far, `tampered_file` and `disk_full` do not.
    """
    url = target_download.target_url(f"{source.url}/targets/", target)
    return target_download.fetch(source.http, url, target, folder)


def download_model(source: UpdateSource, offer: Offer, folder: Path, models: Mapping[Sha256, Path]) -> DownloadedModel:
    """Bring the offered model into `folder`, by the patch from one of `models` where that moves fewer bytes.

    Whatever is wrong with a patch, the whole model is downloaded instead. What `folder` has of other offers is removed.
    Raise `UpdateRefused` as `download` does.
    """
    _remove_others(offer, folder)
    patch, problem = _smallest_patch(offer, folder, models), None
    if patch is not None:
        try:
            return DownloadedModel(_patched(source, offer, patch, folder, models[patch.old]))
        except UpdateRefused as refusal:
            if refusal.reason not in (RefusalReason.NOT_PUBLISHED, RefusalReason.TAMPERED_FILE):
                raise  # The whole model would come no further.
            problem = refusal.detail
    return DownloadedModel(download(source, offer.model, folder), problem)


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


def guide(source: UpdateSource, city: str) -> Guide | None:
    """Return the guide of `city` that came last; None if this phone has never had one."""
    return city_guide.kept(_guides_folder(source), city)


def _follow_guide(source: UpdateSource, client: Updater, city: str) -> None:
    """A guide that cannot be had holds up no model: the one of before answers until the next look."""
    target = client.get_targetinfo(guide_file.target_path(city))
    with suppress(UpdateRefused):
        city_guide.follow(target, city, _guides_folder(source), partial(download, source))


def _guides_folder(source: UpdateSource) -> Path:
    return source.directory / "documents" / "guides"


def _choose(
    source: UpdateSource, client: Updater, channel: str, device_id: str, models: Iterable[Sha256]
) -> Offer | None:
    pointer = ChannelPointer.model_validate_json(_document(source, client, update_channel.target_path(channel)))
    version = update_channel.choose(pointer, device_id)
    return None if version is None else _offer(source, client, pointer, version, models)


def _offer(
    source: UpdateSource, client: Updater, pointer: ChannelPointer, version: int, models: Iterable[Sha256]
) -> Offer:
    content = _document(source, client, staged_targets.manifest_path(version))
    manifest = ReleaseManifest.model_validate_json(content)
    model = client.get_targetinfo(staged_targets.model_path(version))
    if model is None:
        raise UpdateRefused(RefusalReason.NOT_PUBLISHED, f"release {version} has no model")
    named = (manifest.version, manifest.model.sha256, manifest.model.size_bytes)
    if named != (version, model.hashes.get("sha256"), model.length):
        raise UpdateRefused(RefusalReason.TAMPERED_METADATA, f"the manifest of release {version} names another model")
    candidate = pointer.candidate
    conditions = candidate.conditions if candidate and candidate.version == version else pointer.conditions
    return Offer(manifest, content, model, conditions, _patches(client, manifest.model.sha256, models))


def _patches(client: Updater, new: Sha256, models: Iterable[Sha256]) -> tuple[ModelPatch, ...]:
    """Look the patches up in metadata that is here already."""
    looked_up = ((old, client.get_targetinfo(patches.target_path(old, new))) for old in models if old != new)
    return tuple(ModelPatch(old, target) for old, target in looked_up if target is not None)


def _document(source: UpdateSource, client: Updater, path: str) -> bytes:
    target = client.get_targetinfo(path)
    if target is None:
        raise UpdateRefused(RefusalReason.NOT_PUBLISHED, f"there is no {path}")
    if target.length > _DOCUMENT_LIMIT_BYTES:
        raise UpdateRefused(RefusalReason.APP_TOO_OLD, f"{path} has {target.length} bytes")
    folder = source.directory / "documents" / path.partition("/")[0]
    found = download(source, target, folder)
    for each in folder.iterdir():
        if each != found:  # Of an older state of the repository.
            each.unlink()
    return found.read_bytes()


def _remove_others(offer: Offer, folder: Path) -> None:
    wanted = {target_download.digest(target) for target in (offer.model, *(patch.target for patch in offer.patches))}
    for path in folder.glob("*"):
        if path.name.partition(".")[0] not in wanted:
            path.unlink()


def _smallest_patch(offer: Offer, folder: Path, models: Mapping[Sha256, Path]) -> ModelPatch | None:
    """Return the patch that leaves least to download, unless the whole model leaves less."""
    usable = [patch for patch in offer.patches if patch.old in models]
    if not usable:
        return None
    best = min(usable, key=lambda patch: target_download.missing_bytes(folder, patch.target))
    missing = target_download.missing_bytes(folder, best.target)
    return best if missing < target_download.missing_bytes(folder, offer.model) else None


def _patched(source: UpdateSource, offer: Offer, patch: ModelPatch, folder: Path, old: Path) -> Path:
    """Raise `UpdateRefused` (`tampered_file`) if the patch does not make the signed model out of `old`."""
    file = download(source, patch.target, folder)
    complete = folder / offer.manifest.model.sha256
    result = complete.with_suffix(".patched")
    try:
        with refusing_storage_errors():
            _apply(offer, patch, (old, file, result))
            result.replace(complete)
    finally:
        result.unlink(missing_ok=True)
        file.unlink()
    return complete


def _apply(offer: Offer, patch: ModelPatch, files: tuple[Path, Path, Path]) -> None:
    old, file, result = files
    target_download.check_room(result.parent, offer.model.length)
    try:
        patches.apply(old, file, result, offer.model.length)
    except PatchProblem as error:
        raise UpdateRefused(RefusalReason.TAMPERED_FILE, f"{patch.target.path}: {error}") from error
    if not target_download.is_intact(result, offer.model):
        raise UpdateRefused(RefusalReason.TAMPERED_FILE, f"{patch.target.path} makes another model than the one signed")


def _numbers(version: str) -> tuple[int, ...]:
    """`2.10.0rc1` is (2, 10), and so is `2.10`."""
    numbers = []
    for part in version.split("."):
        digits = part[: next((place for place, sign in enumerate(part) if not sign.isdecimal()), len(part))]
        numbers.append(int(digits or 0))
    while numbers and numbers[-1] == 0:
        numbers.pop()
    return tuple(numbers)
