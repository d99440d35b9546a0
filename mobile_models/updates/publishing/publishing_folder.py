"""A folder that says what phones should have, for a publisher without server and database.

Guarantees: the folder says everything, and `publish` makes the repository agree with it, as often as it is asked; what
the folder names no more is taken from phones' lists. Nothing in it is changed but `staged`, which is written whole.

    releases/<version>/manifest.json, model.tflite
    channels/<channel>.json                a channel pointer
    guides/<city>.json                     what things are and where they go, in words (`mobile_models.guide`)
    staged/<version>.json                  what people have to sign, where `targets` needs more than the keys at hand
    signatures/<version>/*.json            what `wastelens releases sign --staged` has made of it
"""

from datetime import datetime
from pathlib import Path

from obstore.store import ObjectStore
from pydantic import TypeAdapter, ValidationError

from mobile_models.guide import Guide
from mobile_models.updates.keys.signing_keys import KeyRing
from mobile_models.updates.publishing import repository
from mobile_models.updates.publishing.desired_state import DesiredRelease, DesiredState
from mobile_models.updates.publishing.repository import Outcome
from mobile_models.updates.staged_targets import StagedSignature
from mobile_models.updates.update_channel import ChannelPointer

_SIGNATURE = TypeAdapter(StagedSignature)


class FolderProblem(ValueError):
    """The folder does not say what phones should have; nothing was published."""


def publish(folder: Path, store: ObjectStore, keys: KeyRing, *, moment: datetime | None = None) -> Outcome:
    """Make the repository in `store` agree with `folder`, renew what is due, and leave in `staged` what waits.

    Raise `FolderProblem`, and what `repository.reconcile` raises.
    """
    outcome = repository.reconcile(store, keys, read(folder), moment=moment)
    staged = folder / "staged"
    for old in staged.glob("*.json"):
        if old.stem.isdecimal() and int(old.stem) not in outcome.awaiting:  # Anything else there is not ours.
            old.unlink()
    for version, waiting in outcome.awaiting.items():
        staged.mkdir(exist_ok=True)
        partial = staged / f"{version}.partial"
        partial.write_bytes(waiting.staged)
        partial.replace(staged / f"{version}.json")
    return outcome


def read(folder: Path) -> DesiredState:
    """Raise `FolderProblem` if a part is missing or is not what its place says."""
    releases = tuple(_release(folder, each) for each in sorted((folder / "releases").glob("*")) if each.is_dir())
    channels = {each.stem: _pointer(each) for each in sorted((folder / "channels").glob("*.json"))}
    if not releases or not channels:
        raise FolderProblem(f"{folder} needs releases/<version>/ and channels/<channel>.json")
    known = {release.version for release in releases}
    for channel, pointer in channels.items():
        if not pointer.versions <= known:
            unknown = ", ".join(map(str, sorted(pointer.versions - known)))
            raise FolderProblem(f"channel {channel} names release {unknown}, which is not among the releases")
    return DesiredState(releases, channels, guides=_guides(folder / "guides"))


def _guides(folder: Path) -> dict[str, bytes]:
    """In their one byte form, however people have written them."""
    found: dict[str, bytes] = {}
    for file in sorted(folder.glob("*.json")):
        try:
            guide = Guide.read(file)
        except ValidationError as error:
            raise FolderProblem(f"{file} is no guide: {error}") from error
        if guide.city != file.stem:
            raise FolderProblem(f"{file} is the guide of {guide.city}, and should be called {guide.city}.json")
        found[guide.city] = guide.to_bytes()
    return found


def _release(folder: Path, release: Path) -> DesiredRelease:
    if not release.name.isdecimal():
        raise FolderProblem(f"{release} should be named by the number of its release")
    model, staged = release / "model.tflite", folder / "staged" / f"{release.name}.json"
    if not model.is_file():
        raise FolderProblem(f"there is no {model}")
    signatures = sorted((folder / "signatures" / release.name).glob("*.json"))
    return DesiredRelease(
        version=int(release.name),
        manifest=_content(release / "manifest.json"),
        read_model=model.read_bytes,
        staged=staged.read_bytes() if staged.is_file() else None,
        signatures=tuple(_signature(each) for each in signatures),
    )


def _content(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except FileNotFoundError:
        raise FolderProblem(f"there is no {file}") from None


def _pointer(file: Path) -> ChannelPointer:
    try:
        return ChannelPointer.read(file)
    except ValidationError as error:
        raise FolderProblem(f"{file} is no channel pointer: {error}") from error


def _signature(file: Path) -> StagedSignature:
    try:
        return _SIGNATURE.validate_json(file.read_bytes())
    except ValidationError as error:
        raise FolderProblem(f"{file} is no signature that `wastelens releases sign --staged` has written") from error
