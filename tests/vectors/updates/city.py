"""A small city whose update repository is the same to the byte each time it is made.

Guarantees: keys follow from their names alone (so they protect nothing), signatures are deterministic (RFC 6979), and
all times are fixed. A `Draft` can be made wrong in any way before it is signed, and its files in any way afterwards.
"""

import hashlib
import json
from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from securesystemslib.signer import Key, SecretsHandler, Signature, Signer, SSlibKey
from tuf.api.metadata import MetaFile, Root, Snapshot, TargetFile, Targets, Timestamp

from mobile_models.document import Sha256, sha256
from mobile_models.input_spec import InputSpec
from mobile_models.label_set import Label, LabelSet
from mobile_models.manifest import EvaluationSummary, Lineage, ModelFile, ReleaseManifest, SelfTest
from mobile_models.updates import patches, staged_targets, update_channel, update_roles
from mobile_models.updates.update_channel import Candidate, ChannelPointer, DownloadConditions
from mobile_models.updates.update_roles import UpdateRole

SIGNED_AT = datetime(2026, 6, 1, 12, tzinfo=UTC)
MODEL_BYTES = 400
LABELS = ("glass", "metal")
CONDITIONS = DownloadConditions(unmetered_only=True)

Files = dict[str, bytes]
"""Path below the address of the repository to content."""


class SeededSigner(Signer):
    """A key that follows from its name: everybody has it."""

    def __init__(self, name: str) -> None:
        secret = hashlib.sha256(f"wastelens test vector {name}".encode()).digest()
        self._private = ec.derive_private_key(int.from_bytes(secret), ec.SECP256R1())
        self._public = SSlibKey.from_crypto(self._private.public_key())

    @property
    def public_key(self) -> Key:
        return self._public

    @classmethod
    def from_priv_key_uri(
        cls, priv_key_uri: str, public_key: Key, secrets_handler: SecretsHandler | None = None
    ) -> "SeededSigner":
        raise NotImplementedError("make one from a name")

    def sign(self, payload: bytes) -> Signature:
        algorithm = ec.ECDSA(hashes.SHA256(), deterministic_signing=True)
        return Signature(self.public_key.keyid, self._private.sign(payload, algorithm).hex())


Signers = dict[UpdateRole, list[SeededSigner]]


def signers(targets: int = 1) -> Signers:
    online = SeededSigner("online")
    return {
        UpdateRole.ROOT: [SeededSigner("root")],
        UpdateRole.TARGETS: [SeededSigner(f"targets {number}") for number in range(1, targets + 1)],
        UpdateRole.CHANNELS: [SeededSigner("channels")],
        UpdateRole.SNAPSHOT: [online],
        UpdateRole.TIMESTAMP: [online],
    }


def root_of(given: Signers, version: int = 1, thresholds: dict[UpdateRole, int] | None = None) -> Root:
    keys = {role: [signer.public_key for signer in own] for role, own in given.items()}
    root = update_roles.first_root(keys, thresholds or {}, SIGNED_AT)
    root.version = version
    return root


@dataclass
class Draft:
    """A repository that is not signed yet. All but the roots may still be changed."""

    signers: Signers
    roots: list[tuple[Root, list[SeededSigner]]]
    targets: Targets
    channels: Targets
    snapshot: Snapshot
    timestamp: Timestamp
    contents: dict[str, bytes] = field(default_factory=dict)
    """Target path to content."""

    def add(self, role: Targets, path: str, content: bytes) -> None:
        role.targets[path] = TargetFile(len(content), {"sha256": sha256(content)}, path)
        self.contents[path] = content

    def add_release(self, version: int, manifest: bytes, model: bytes) -> None:
        self.add(self.targets, staged_targets.manifest_path(version), manifest)
        self.add(self.targets, staged_targets.model_path(version), model)

    def point(self, content: bytes, channel: str = "stable") -> None:
        self.add(self.channels, update_channel.target_path(channel), content)

    def sign(self) -> Files:
        files = {f"metadata/{root.version}.root.json": _signed(root, own) for root, own in self.roots}
        for role, signed in (
            (UpdateRole.TARGETS, self.targets),
            (UpdateRole.CHANNELS, self.channels),
            (UpdateRole.SNAPSHOT, self.snapshot),
        ):
            files[f"metadata/{signed.version}.{role}.json"] = _signed(signed, self.signers[role])
        files["metadata/timestamp.json"] = _signed(self.timestamp, self.signers[UpdateRole.TIMESTAMP])
        listed = self.targets.targets | self.channels.targets
        return files | {served_path(target): self.contents[path] for path, target in listed.items()}


def _signed(signed: Any, own: list[SeededSigner]) -> bytes:
    return update_roles.sign(deepcopy(signed), own).to_bytes()


def served_path(target: TargetFile) -> str:
    folder, _, name = target.path.rpartition("/")
    return f"targets/{folder}/{target.hashes['sha256']}.{name}"


def draft(
    pointer: ChannelPointer | None = None,
    *,
    releases: Mapping[int, tuple[bytes, bytes]] | None = None,
    version: int = 2,
    signed_at: datetime = SIGNED_AT,
    given: Signers | None = None,
) -> Draft:
    """Return a repository that is right in all respects; the metadata of each role has the number `version`.

    Root 1 is the one that all phones have. Unless `releases` says otherwise, the repository holds release 2, and
    release 3 where `pointer` names it.
    """
    given, pointer = given or signers(), pointer or ChannelPointer(current=2)
    releases = releases or {number: release(number) for number in sorted(pointer.versions & {3} | {2})}
    expires = {role: update_roles.expiry(role, signed_at) for role in UpdateRole}
    targets = update_roles.first_targets(given[UpdateRole.CHANNELS][0].public_key, signed_at)
    targets.version = version
    meta = {"targets.json": MetaFile(version), "channels.json": MetaFile(version)}
    made = Draft(
        given,
        [(root_of(signers()), signers()[UpdateRole.ROOT])],
        targets,
        Targets(version=version, expires=expires[UpdateRole.CHANNELS]),
        Snapshot(version=version, expires=expires[UpdateRole.SNAPSHOT], meta=meta),
        Timestamp(version=version, expires=expires[UpdateRole.TIMESTAMP], snapshot_meta=MetaFile(version)),
    )
    for number, (manifest, content) in releases.items():
        made.add_release(number, manifest, content)
    made.point(pointer.to_bytes())
    return made


def candidate(percent: float) -> ChannelPointer:
    return ChannelPointer(
        current=2, candidate=Candidate(version=3, rollout_percent=percent, salt="4f2c", conditions=CONDITIONS)
    )


def model(version: int) -> bytes:
    """A file that stands for a model. Those of different releases differ in a few bytes, as retrained ones do."""
    content = bytearray(hashlib.shake_256(b"a model").digest(MODEL_BYTES))
    content[100:104] = version.to_bytes(4)
    return bytes(content)


def release(version: int, *, labels: tuple[str, ...] = LABELS, **changes: Any) -> tuple[bytes, bytes]:
    """Return manifest and model. The self-tests are well-formed, and no file here can be run."""
    content = model(version)
    nothing = sha256(b"")
    manifest = ReleaseManifest(
        version=version,
        created_at=SIGNED_AT,
        model=ModelFile(sha256=sha256(content), size_bytes=len(content), embedding_length=4),
        label_set=label_set(labels),
        input_spec=InputSpec(width=16, height=16),
        temperature=1.0,
        thresholds=dict.fromkeys(labels, 0.5),
        lineage=_lineage(nothing),
        evaluation=EvaluationSummary(
            evaluation_digest=nothing,
            blessing_digest=nothing,
            holdout_photos=1,
            accuracy=1.0,
            macro_f1=1.0,
            recall=dict.fromkeys(labels, 1.0),
            rubber_stamped=True,
        ),
        licence="Apache-2.0",
        self_tests=tuple(SelfTest(seed=seed, logits=(0.5,) * len(labels), tolerance=0.05) for seed in range(1, 9)),
    )
    return manifest.model_copy(update=changes).to_bytes(), content


def label_set(labels: tuple[str, ...]) -> LabelSet:
    named = tuple(Label(id=label, name=label.title()) for label in labels)
    return LabelSet(id="test", version=len(labels) - 1, labels=named)


def _lineage(nothing: Sha256) -> Lineage:
    return Lineage(
        recipe="none", recipe_digest=nothing, dataset_snapshot=nothing, training_run="none", code_version="0", seed=0
    )


def patch(old: int, new: int) -> tuple[str, bytes]:
    """Return path and content of the patch between two models."""
    content = patches.make(model(old), model(new))
    assert content is not None
    return patches.target_path(sha256(model(old)), sha256(model(new))), content


def with_member(document: bytes, name: str, value: object) -> bytes:
    """Return a JSON document with one member more."""
    return json.dumps(json.loads(document) | {name: value}, sort_keys=True, separators=(",", ":")).encode() + b"\n"
