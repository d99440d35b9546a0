"""More cases of the test vectors: keys that change, files that are wrong, patches, and releases that do not fit."""

from collections.abc import Callable
from typing import Any

from tuf.api.metadata import MetaFile

from mobile_models.document import sha256
from mobile_models.updates.update_channel import ChannelPointer
from mobile_models.updates.update_roles import UpdateRole
from tests.vectors.updates import city
from tests.vectors.updates.cases import HUGE_VERSION, Visit, all_expect, case, only, refuses, runs
from tests.vectors.updates.city import Draft, Files, SeededSigner, Signers, draft

_TOO_LONG = 20_000
"""More than any client should take for a timestamp (python-tuf's limit: 16,384)."""


# Keys that change.


@case
def root_rotated_twice() -> list[Visit]:
    """Root 2 has a new root key, root 3 new online keys: each is signed by the root keys of before and its own."""
    made = _with_new_keys()
    return [all_expect(runs(2), draft().sign()), all_expect(runs(3), made.sign())]


@case
def root_rotated_before_the_first_visit() -> list[Visit]:
    """A phone that has never looked comes from root 1 to root 3."""
    return only(runs(3), _with_new_keys())


@case
def root_without_the_signature_of_before() -> list[Visit]:
    """Root 2 is signed by its own key only, which anybody can make."""
    made = _with_new_keys()
    del made.roots[2]
    made.roots[1] = (made.roots[1][0], [SeededSigner("root, second")])
    made.signers = city.signers()
    return only(refuses("tampered_metadata"), made)


@case
def root_that_skips_a_version() -> list[Visit]:
    """The file of root 2 holds version 3, signed as it should be for either."""
    made = _with_new_keys()
    third, _ = made.roots.pop()
    made.roots[1] = (third, made.roots[1][1])
    files = made.sign()
    files["metadata/2.root.json"] = files.pop("metadata/3.root.json")
    return only(refuses("older_metadata"), files)


@case
def recovery_from_huge_version_numbers() -> list[Visit]:
    """A thief of the online keys has used up the version numbers; new keys in root 2 end his game (TUF 5.3.11)."""
    stolen = draft()
    for signed in (stolen.channels, stolen.snapshot, stolen.timestamp):
        signed.version = HUGE_VERSION
    stolen.snapshot.meta["channels.json"] = MetaFile(HUGE_VERSION)
    stolen.timestamp.snapshot_meta = MetaFile(HUGE_VERSION)
    mended = draft(ChannelPointer(current=3), version=3)
    given = _new_online_keys(mended.signers)
    root = city.root_of(given, version=2)
    mended.signers = given
    mended.roots.append((root, given[UpdateRole.ROOT]))
    return [all_expect(runs(2), stolen.sign()), all_expect(runs(3), mended.sign())]


def _new_online_keys(given: Signers) -> Signers:
    online = SeededSigner("online, second")
    return given | {UpdateRole.SNAPSHOT: [online], UpdateRole.TIMESTAMP: [online]}


def _with_new_keys() -> Draft:
    """Return a repository of three roots, on which release 3 is current."""
    made = draft(ChannelPointer(current=3), version=3)
    old, new = made.signers[UpdateRole.ROOT], [SeededSigner("root, second")]
    second = made.signers | {UpdateRole.ROOT: new}
    third = _new_online_keys(second)
    made.roots.append((city.root_of(second, version=2), [*old, *new]))
    made.roots.append((city.root_of(third, version=3), new))
    made.signers = third
    return made


# Files that are not what was signed.


@case
def changed_byte_in_the_metadata() -> list[Visit]:
    """One digit of `targets` was changed on the way."""
    files = draft().sign()
    files["metadata/2.targets.json"] = files["metadata/2.targets.json"].replace(b'"length":400', b'"length":401')
    return only(refuses("tampered_metadata"), files)


@case
def tampered_model() -> list[Visit]:
    """One bit of the model was changed on the way; its length is right."""
    return only(refuses("tampered_file"), _with_model(lambda content: bytes([content[0] ^ 1]) + content[1:]))


@case
def oversized_model() -> list[Visit]:
    """The model goes on after its signed length. A client reads no more than one byte beyond it."""
    return only(refuses("tampered_file"), _with_model(lambda content: content + bytes(4096)))


@case
def truncated_model() -> list[Visit]:
    """The model ends early, as after a cut: nothing is installed, what came is kept, and it is tried again later."""
    return only(refuses("unreachable"), _with_model(lambda content: content[:-1]))


@case
def missing_model() -> list[Visit]:
    """The model was signed, and is not there."""
    return only(refuses("not_published"), _with_model(None))


@case
def tampered_manifest() -> list[Visit]:
    """A threshold in the manifest was changed on the way."""
    files = draft().sign()
    path = _path(files, "models/2/", ".manifest.json")
    files[path] = files[path].replace(b'"glass":0.5', b'"glass":0.1')
    return only(refuses("tampered_file"), files)


@case
def manifest_of_another_model() -> list[Visit]:
    """`targets` signed the manifest of release 2 with a model that it does not name."""
    manifest, _ = city.release(2)
    made = draft(releases={2: (manifest, city.model(3))})
    return only(refuses("tampered_metadata"), made)


@case
def truncated_snapshot() -> list[Visit]:
    """Half of the snapshot."""
    files = draft().sign()
    content = files["metadata/2.snapshot.json"]
    files["metadata/2.snapshot.json"] = content[: len(content) // 2]
    return only(refuses("tampered_metadata"), files)


@case
def endless_timestamp() -> list[Visit]:
    """A timestamp that is right, and followed by so many spaces that a client must have stopped reading."""
    files = draft().sign()
    files["metadata/timestamp.json"] += b" " * _TOO_LONG
    return only(refuses("tampered_metadata"), files)


@case
def snapshot_instead_of_the_timestamp() -> list[Visit]:
    """The same key signs both, and yet one does not count for the other."""
    files = draft().sign()
    files["metadata/timestamp.json"] = files["metadata/2.snapshot.json"]
    return only(refuses("tampered_metadata"), files)


@case
def missing_timestamp() -> list[Visit]:
    """There is no timestamp: the repository cannot be reached."""
    files = draft().sign()
    del files["metadata/timestamp.json"]
    return only(refuses("unreachable"), files)


def _with_model(change: Callable[[bytes], bytes] | None) -> Files:
    files = draft().sign()
    path = _path(files, "models/2/", ".model.tflite")
    content = files.pop(path)
    return files if change is None else files | {path: change(content)}


def _path(files: Files, folder: str, ending: str) -> str:
    (found,) = (path for path in files if path.startswith(f"targets/{folder}") and path.endswith(ending))
    return found


# Patches.


@case
def good_patch() -> list[Visit]:
    """A patch from release 1, which is on the phone, to release 2."""
    made = draft()
    made.add(made.channels, *city.patch(1, 2))
    return only(runs(2, "patch"), made)


@case
def patch_with_a_wrong_result() -> list[Visit]:
    """A patch that is signed and makes another model than its name says: the whole model is taken."""
    made = draft()
    path, _ = city.patch(1, 2)
    made.add(made.channels, path, city.patch(1, 3)[1])
    return only(runs(2), made)


@case
def damaged_patch() -> list[Visit]:
    """The patch on the server is not the one that was signed: the whole model is taken."""
    made = draft()
    made.add(made.channels, *city.patch(1, 2))
    files = made.sign()
    path = _path(files, "patches/", ".patch")
    files[path] = files[path][:-1] + bytes([files[path][-1] ^ 1])
    return only(runs(2), files)


@case
def patch_for_another_model() -> list[Visit]:
    """Only a patch from a model that is not on the phone: it is not fetched."""
    made = draft()
    made.add(made.channels, *city.patch(3, 2))
    return only(runs(2), made)


# Releases that do not fit this app (`phone/phone.json`, `phone/manifest.json`).


@case
def app_too_old() -> list[Visit]:
    """Release 2 needs app 1.10, this is 1.2; the parts are numbers."""
    return only(refuses("app_too_old"), _with_release(minimum_app_version="1.10"))


@case
def runtime_too_old() -> list[Visit]:
    """Release 2 needs a newer LiteRT."""
    return only(refuses("runtime_too_old"), _with_release(minimum_runtime_version="3.0"))


@case
def other_label_set() -> list[Visit]:
    """The same labels in another order would turn every answer around."""
    return only(refuses("other_label_set"), _with_release(labels=("metal", "glass")))


@case
def longer_label_set() -> list[Visit]:
    """One label more at the end is welcome."""
    made = _with_release(labels=("glass", "metal", "paper"))
    manifest = made.contents["models/2/manifest.json"]
    return only(runs(2) | {"manifest_sha256": sha256(manifest)}, made)


@case
def unknown_field_in_the_manifest() -> list[Visit]:
    """A manifest that this version of the app cannot read."""
    manifest, model = city.release(2)
    newer = city.with_member(manifest, "later_invention", 1)
    return only(refuses("app_too_old"), draft(releases={2: (newer, model)}))


def _with_release(**changes: Any) -> Draft:
    return draft(releases={2: city.release(2, **changes)})
