"""The world that the phones of one run share, over a city that runs already."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path

import httpx

from mobile_models.document import Sha256
from mobile_models.manifest import ReleaseManifest
from mobile_models.updates.update_channel import STABLE
from phone.fleet import mirrors
from phone.fleet.scenarios import Truth
from phone.fleet.shared_looks import SharedLooks
from phone.fleet.straight_way import StraightWay
from phone.fleet.world import World


@dataclass(frozen=True)
class Source:
    """Where a city is, and what its app carries: the first root and the bundled release."""

    url: str
    root: bytes
    bundled: Path


@contextmanager
def world(  # Given by name.
    directory: Path,
    source: Source,
    *,
    truths: Mapping[int, Truth],
    models: Mapping[int, Sha256],
    seed: int,
    first_day: date,
    sends_reports: bool = True,
) -> Iterator[World]:
    """Make what the phones share in `directory`, and close the way to the server at the end."""
    manifest = ReleaseManifest.read(source.bundled / "manifest.json")
    folders = {name: directory / name for name in ("looks", "phones", "models")}
    for folder in folders.values():
        folder.mkdir(parents=True)
    (folders["models"] / manifest.model.sha256).write_bytes((source.bundled / "model.tflite").read_bytes())
    with _way(source.url) as way:
        yield World(
            server_url=source.url,
            way=way,
            mirrors=mirrors.mirrors(way),
            looks=SharedLooks(f"{source.url}/updates", source.root, STABLE, folders["looks"]),
            truths=truths,
            models=models,
            bundled=manifest,
            model_files=folders["models"],
            scratch=folders["phones"],
            trusted_root=source.root,
            seed=seed,
            first_day=first_day,
            clock=datetime.now(UTC),
            sends_reports=sends_reports,
        )


def _way(url: str) -> httpx.BaseTransport:
    """Return the cheap way where there is one: without TLS, as to a scratch city."""
    address = httpx.URL(url)
    if address.scheme == "http":
        return StraightWay(address.host, address.port or 80)
    return httpx.HTTPTransport()
