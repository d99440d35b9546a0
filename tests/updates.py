"""A small world of updates: tiny releases, keys of a small city, and what should be published."""

import functools
from dataclasses import replace
from pathlib import Path

from mobile_models import signing_keys
from mobile_models.repository import DesiredRelease, DesiredState
from mobile_models.signing_keys import KeyRing
from mobile_models.update_channel import Candidate, ChannelPointer
from tests import tiny_model

ANNA, BERT = "targets-1.pem", "targets-2.pem"
"""Two people of the city; each keeps one key of `targets`."""


@functools.cache
def files(version: int, padding_bytes: int = 0) -> tuple[bytes, bytes]:
    """Return manifest and model of a release."""
    model = tiny_model.model_bytes(version, padding_bytes=padding_bytes)
    return tiny_model.manifest(model, version).to_bytes(), model


def release(version: int, **changes: object) -> DesiredRelease:
    manifest, model = files(version)
    return replace(DesiredRelease(version, manifest, lambda: model), **changes)  # type: ignore[arg-type]


def desired(
    *versions: int, current: int | None = None, candidate: int | None = None, percent: float = 5
) -> DesiredState:
    chosen = None if candidate is None else Candidate(version=candidate, rollout_percent=percent, salt="salt")
    return DesiredState(
        tuple(release(version) for version in versions), {"stable": ChannelPointer(current=current, candidate=chosen)}
    )


def embedded_keys(folder: Path) -> KeyRing:
    """Keys as `wastelens run` makes them: all on one machine, one signature is enough."""
    signing_keys.init(folder)
    return signing_keys.load(folder)


def production_keys(folder: Path) -> KeyRing:
    """What the publisher of a city holds: the online keys alone; `targets` needs Anna and Bert."""
    signing_keys.init(folder, targets_keys=2, targets_threshold=2)
    return signing_keys.load(folder / "online")
