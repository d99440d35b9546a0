"""Signing keys of the update repository: ECDSA P-256, one file each.

Guarantees: a private key is never written where it can be read by another user, never over another one, and a folder
of keys is there whole or not at all. The keys of root and targets lie apart from the online ones, so that a server can
be given `online/` alone; a role whose private key is not here cannot be signed here.

    DIR/root-1.pem, DIR/targets-1.pem ...     private, to be kept offline
    DIR/online/channels.pem, online.pem       private, for the publisher (online.pem signs snapshot and timestamp)
    DIR/online/root.json, targets.json        public: the first signed metadata; root.json is built into apps
    DIR/public/*.pem                          public keys
"""

import os
import shutil
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from cryptography.hazmat.primitives.serialization import load_pem_private_key
from securesystemslib.signer import CryptoSigner

from mobile_models.updates import update_roles
from mobile_models.updates.update_roles import UpdateRole

_ONLINE, _PUBLIC = "online", "public"
_ROOT_FILE, _TARGETS_FILE = "root.json", "targets.json"


class KeyProblem(Exception):
    """Keys are missing or unreadable; the message says what to do."""


@dataclass(frozen=True)
class KeyFile:
    """A private key that was written."""

    path: Path
    roles: tuple[UpdateRole, ...]
    keep_offline: bool


@dataclass(frozen=True)
class KeyRing:
    """What a process may sign with, and the metadata that everything starts from."""

    trusted_root: bytes
    """The first root.json, as it is built into apps."""
    first_targets: bytes
    signers: tuple[CryptoSigner, ...]


@dataclass(frozen=True)
class _NewKey:
    name: str
    roles: tuple[UpdateRole, ...]
    signer: CryptoSigner

    @property
    def keep_offline(self) -> bool:
        return UpdateRole.ROOT in self.roles or UpdateRole.TARGETS in self.roles

    @property
    def path(self) -> Path:
        return Path(f"{self.name}.pem") if self.keep_offline else Path(_ONLINE, f"{self.name}.pem")


def init(
    directory: Path,
    *,
    root_keys: int = 1,
    root_threshold: int = 1,
    targets_keys: int = 1,
    targets_threshold: int = 1,
) -> list[KeyFile]:
    """Make all keys of a new update repository in `directory` and return the private files, those to hide first.

    Raise `FileExistsError` if there is anything in `directory`, and `ValueError` for a threshold that the number of
    keys cannot reach.
    """
    for role, count, threshold in (("root", root_keys, root_threshold), ("targets", targets_keys, targets_threshold)):
        if not 1 <= threshold <= count:
            raise ValueError(f"a threshold of {threshold} cannot be reached with {count} {role} keys")
    if directory.exists() and any(directory.iterdir()):
        raise FileExistsError(f"there is something in {directory} already; keys are never overwritten")
    keys = _generate(root_keys, targets_keys)
    partial = directory.with_name(f".{directory.name}.{os.getpid()}.partial")
    directory.parent.mkdir(parents=True, exist_ok=True)
    try:
        _write(partial, keys, {UpdateRole.ROOT: root_threshold, UpdateRole.TARGETS: targets_threshold})
        partial.rename(directory)
    except BaseException:
        shutil.rmtree(partial, ignore_errors=True)
        raise
    return [KeyFile(directory / key.path, key.roles, key.keep_offline) for key in keys]


def load(directory: Path) -> KeyRing:
    """Load every private key below `directory`, which may be all that `init` wrote or its `online` part alone."""
    start = next((folder for folder in (directory, directory / _ONLINE) if (folder / _ROOT_FILE).is_file()), None)
    if start is None:
        raise KeyProblem(f"there is no {_ROOT_FILE} in {directory}; make keys with `wastelens keys init {directory}`")
    files = sorted(file for file in directory.rglob("*.pem") if file.parent.name != _PUBLIC)
    return KeyRing(
        trusted_root=(start / _ROOT_FILE).read_bytes(),
        first_targets=(start / _TARGETS_FILE).read_bytes(),
        signers=tuple(load_signer(file) for file in files),
    )


def load_signer(file: Path) -> CryptoSigner:
    """Load one private key. Raise `KeyProblem` if the file holds none of ours."""
    try:
        return CryptoSigner(load_pem_private_key(file.read_bytes(), None))
    except OSError as error:
        raise KeyProblem(f"{file} cannot be read: {error.strerror}") from error
    except (ValueError, TypeError) as error:
        raise KeyProblem(f"{file} is no private key without a passphrase: {error}") from error


def _generate(root_keys: int, targets_keys: int) -> list[_NewKey]:
    wanted: list[tuple[str, tuple[UpdateRole, ...]]] = [
        *((f"root-{number}", (UpdateRole.ROOT,)) for number in range(1, root_keys + 1)),
        *((f"targets-{number}", (UpdateRole.TARGETS,)) for number in range(1, targets_keys + 1)),
        ("channels", (UpdateRole.CHANNELS,)),
        ("online", (UpdateRole.SNAPSHOT, UpdateRole.TIMESTAMP)),
    ]
    return [_NewKey(name, roles, CryptoSigner.generate_ecdsa()) for name, roles in wanted]


def _write(folder: Path, keys: list[_NewKey], thresholds: dict[UpdateRole, int]) -> None:
    for each in (folder, folder / _ONLINE, folder / _PUBLIC):
        each.mkdir(mode=0o700)
    for key in keys:
        _write_new(folder / key.path, key.signer.private_bytes, mode=0o600)
        public = key.signer.public_key.keyval["public"].encode()
        _write_new(folder / _PUBLIC / f"{key.name}.pem", public, mode=0o644)
    signers = {role: [key.signer for key in keys if role in key.roles] for role in UpdateRole}
    moment = datetime.now(UTC)
    root = update_roles.first_root(signers, thresholds, moment)
    targets = update_roles.first_targets(signers[UpdateRole.CHANNELS][0], moment)
    first = {
        _ROOT_FILE: update_roles.sign(root, signers[UpdateRole.ROOT]).to_bytes(),
        _TARGETS_FILE: update_roles.sign(targets, signers[UpdateRole.TARGETS]).to_bytes(),
    }
    for name, content in first.items():
        _write_new(folder / _ONLINE / name, content, mode=0o644)


def _write_new(path: Path, content: bytes, mode: int) -> None:
    """Write with `mode` from the first byte on, through to the disk."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
