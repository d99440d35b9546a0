"""The folder of signing keys of an update repository.

Guarantees: a private key is never written where it can be read by another user, never over another one, and a folder
of keys is there whole or not at all. The keys of root and targets lie apart from the online ones, so that a server can
be given `online/` alone; a role whose private key is not here cannot be signed here.

    DIR/root-1.pem, DIR/targets-1.pem ...     private, to be kept offline
    DIR/online/channels.pem, online.pem       private, for the publisher (online.pem signs snapshot and timestamp)
    DIR/online/root.json, targets.json        public: the first signed metadata; root.json is built into apps
    DIR/public/*.pem                          public keys

Instead of any `NAME.pem` there may be a `NAME.uri` with one line, the URI of a key in an HSM or a cloud's key service
(`signers`). `NAME.pub` beside it is its public key; without one it is a key that the first metadata names. What the
service asks for comes from the file `NAME.<what it asks for>`, for example `NAME.pin`.
"""

import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from securesystemslib.signer import CryptoSigner, Key, SecretsHandler, Signer
from tuf.api.exceptions import RepositoryError
from tuf.api.metadata import Metadata, Root, Targets

from mobile_models.updates import update_roles
from mobile_models.updates.keys import signers as signers_of
from mobile_models.updates.keys.signers import KeyProblem, load_file
from mobile_models.updates.update_roles import UpdateRole

__all__ = ["KeyFile", "KeyProblem", "KeyRing", "first_unsigned", "generate", "init", "load", "load_signer"]

_ONLINE, _PUBLIC = "online", "public"
_ROOT_FILE, _TARGETS_FILE = "root.json", "targets.json"

load_signer = load_file


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
    signers: tuple[Signer, ...]


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


@dataclass(frozen=True)
class _Plan:
    """Keys that are made here, and public halves that people bring."""

    made: list[_NewKey]
    brought: Mapping[UpdateRole, Sequence[Key]]
    thresholds: dict[UpdateRole, int]

    def public(self, role: UpdateRole) -> list[Key]:
        made = [key.signer.public_key for key in self.made if role in key.roles]
        return [*made, *self.brought.get(role, ())]


def init(
    directory: Path,
    *,
    root_keys: int = 1,
    root_threshold: int = 1,
    targets_keys: int = 1,
    targets_threshold: int = 1,
    brought: Mapping[UpdateRole, Sequence[Key]] | None = None,
) -> list[KeyFile]:
    """Make all keys of a new update repository in `directory` and return the private files, those to hide first.

    `brought` holds public halves of keys of root and targets that people have elsewhere, in hardware for example; what
    these must sign is left unsigned (`first_unsigned` names it). Raise `FileExistsError` if there is anything in
    `directory`, and `ValueError` for a threshold that the number of keys cannot reach.
    """
    plan = _Plan(
        _generate(root_keys, targets_keys),
        brought or {},
        {UpdateRole.ROOT: root_threshold, UpdateRole.TARGETS: targets_threshold},
    )
    for role, threshold in plan.thresholds.items():
        if not 1 <= threshold <= (count := len({key.keyid for key in plan.public(role)})):
            raise ValueError(f"a threshold of {threshold} cannot be reached with {count} {role} keys")
    if directory.exists() and any(directory.iterdir()):
        raise FileExistsError(f"there is something in {directory} already; keys are never overwritten")
    partial = directory.with_name(f".{directory.name}.{os.getpid()}.partial")
    directory.parent.mkdir(parents=True, exist_ok=True)
    try:
        _write(partial, plan)
        partial.rename(directory)
    except BaseException:
        shutil.rmtree(partial, ignore_errors=True)
        raise
    return [KeyFile(directory / key.path, key.roles, key.keep_offline) for key in plan.made]


def generate(file: Path) -> Key:
    """Make a private key in a new file, its public half in `NAME.pub` beside it, and return that."""
    signer = CryptoSigner.generate_ecdsa()
    _write_new(file, signer.private_bytes, mode=0o600)
    _write_new(file.with_suffix(".pub"), signers_of.public_pem(signer.public_key), mode=0o644)
    return signer.public_key


def load(directory: Path) -> KeyRing:
    """Load every private key below `directory`, which may be all that `init` wrote or its `online` part alone.

    Raise `KeyProblem` if one cannot be had, or if people have not yet signed the first metadata.
    """
    start = next((folder for folder in (directory, directory / _ONLINE) if (folder / _ROOT_FILE).is_file()), None)
    if start is None:
        raise KeyProblem(f"there is no {_ROOT_FILE} in {directory}; make keys with `wastelens keys init {directory}`")
    if unsigned := first_unsigned(directory):
        file, missing = next(iter(unsigned.items()))
        raise KeyProblem(
            f"{file} needs {missing} more: `wastelens keys sign {file} --root {start / _ROOT_FILE} --key ...`"
        )
    root, targets = ((start / name).read_bytes() for name in (_ROOT_FILE, _TARGETS_FILE))
    files = sorted(file for file in directory.rglob("*.pem") if file.parent.name != _PUBLIC)
    uris = sorted(directory.rglob("*.uri"))
    known = _named(root, targets)
    return KeyRing(root, targets, (*map(load_file, files), *(_load_named(file, known) for file in uris)))


def first_unsigned(directory: Path) -> dict[Path, int]:
    """Return those of the first metadata files that people must sign before the repository can start, with how many."""
    online = next(folder for folder in (directory / _ONLINE, directory) if (folder / _ROOT_FILE).is_file())
    try:
        root = Metadata[Root].from_bytes((online / _ROOT_FILE).read_bytes())
        targets = Metadata[Targets].from_bytes((online / _TARGETS_FILE).read_bytes())
    except (OSError, RepositoryError) as error:
        raise KeyProblem(f"the first metadata in {online} cannot be read: {error}") from error
    parts: list[tuple[str, UpdateRole, Metadata[Root] | Metadata[Targets]]] = [
        (_ROOT_FILE, UpdateRole.ROOT, root),
        (_TARGETS_FILE, UpdateRole.TARGETS, targets),
    ]
    missing = {
        online / name: root.signed.get_verification_result(role, part.signed_bytes, part.signatures).missing
        for name, role, part in parts
    }
    return {file: count for file, count in missing.items() if count}


def _load_named(file: Path, known: Sequence[Key]) -> Signer:
    """Open the key that a `.uri` file names."""
    beside = file.with_suffix(".pub")
    keys = [signers_of.load_public(beside)] if beside.is_file() else known
    return signers_of.load_uri(file.read_text().strip(), keys, _secrets_beside(file))


def _secrets_beside(file: Path) -> SecretsHandler:
    def read(name: str) -> str:
        secret = file.with_suffix(f".{name.lower()}")
        if not secret.is_file():
            raise KeyProblem(
                f"the key of {file} asks for its {name}; write it to {secret}, readable by its owner alone"
            )
        return secret.read_text().strip()

    return read


def _named(root: bytes, targets: bytes) -> list[Key]:
    """Return the keys that the first metadata names."""
    delegations = Metadata[Targets].from_bytes(targets).signed.delegations
    keys = dict(Metadata[Root].from_bytes(root).signed.keys)
    return list((keys | (delegations.keys if delegations else {})).values())


def _generate(root_keys: int, targets_keys: int) -> list[_NewKey]:
    wanted: list[tuple[str, tuple[UpdateRole, ...]]] = [
        *((f"root-{number}", (UpdateRole.ROOT,)) for number in range(1, root_keys + 1)),
        *((f"targets-{number}", (UpdateRole.TARGETS,)) for number in range(1, targets_keys + 1)),
        ("channels", (UpdateRole.CHANNELS,)),
        ("online", (UpdateRole.SNAPSHOT, UpdateRole.TIMESTAMP)),
    ]
    return [_NewKey(name, roles, CryptoSigner.generate_ecdsa()) for name, roles in wanted]


def _write(folder: Path, plan: _Plan) -> None:
    for each in (folder, folder / _ONLINE, folder / _PUBLIC):
        each.mkdir(mode=0o700)
    for key in plan.made:
        _write_new(folder / key.path, key.signer.private_bytes, mode=0o600)
        _write_new(folder / _PUBLIC / f"{key.name}.pem", signers_of.public_pem(key.signer.public_key), mode=0o644)
    for role, brought in plan.brought.items():
        for number, public in enumerate(brought, start=1):
            _write_new(folder / _PUBLIC / f"{role}-brought-{number}.pem", signers_of.public_pem(public), mode=0o644)
    for name, content in _first_metadata(plan).items():
        _write_new(folder / _ONLINE / name, content, mode=0o644)


def _first_metadata(plan: _Plan) -> dict[str, bytes]:
    """Signed with the keys that were made; those that were brought sign later."""
    moment = datetime.now(UTC)
    root = update_roles.first_root({role: plan.public(role) for role in UpdateRole}, plan.thresholds, moment)
    targets = update_roles.first_targets(plan.public(UpdateRole.CHANNELS)[0], moment)
    made = {role: [key.signer for key in plan.made if role in key.roles] for role in UpdateRole}
    return {
        _ROOT_FILE: update_roles.sign(root, made[UpdateRole.ROOT]).to_bytes(),
        _TARGETS_FILE: update_roles.sign(targets, made[UpdateRole.TARGETS]).to_bytes(),
    }


def _write_new(path: Path, content: bytes, mode: int) -> None:
    """Write with `mode` from the first byte on, through to the disk."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
