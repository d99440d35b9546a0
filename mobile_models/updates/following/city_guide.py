"""The city's guide on the phone.

Guarantees: a guide is kept only when it was signed, is one that this app can read, and belongs to the city that was
asked for; until then the one of before answers, also without a network. It comes without a new model.
"""

from collections.abc import Callable
from pathlib import Path

from tuf.api.metadata import TargetFile

from mobile_models.guide import SIZE_LIMIT_BYTES, Guide
from mobile_models.updates import guide_file
from mobile_models.updates.following.refusals import RefusalReason, UpdateRefused, refusing_storage_errors

Download = Callable[[TargetFile, Path], Path]
"""Brings a signed file into a folder (`updater.download`)."""


def follow(target: TargetFile | None, city: str, folder: Path, download: Download) -> None:
    """Make the published guide the one that is kept; one that was taken back stays on the phone.

    Raise `UpdateRefused`; then the one of before stays.
    """
    if target is None:
        return
    if target.length > SIZE_LIMIT_BYTES:
        raise UpdateRefused(RefusalReason.APP_TOO_OLD, f"{target.path} has {target.length} bytes")
    arriving = folder / "arriving"
    file = download(target, arriving)
    try:
        guide_file.check(city, file.read_bytes())
    except ValueError as error:
        raise UpdateRefused(RefusalReason.APP_TOO_OLD, f"{target.path}: {error}") from error
    with refusing_storage_errors():
        _keep(file, _file(folder, city))
        for each in arriving.iterdir():
            if each != file:  # Of an older state.
                each.unlink()


def kept(folder: Path, city: str) -> Guide | None:
    """Return the guide that came last; None where there is none that this app can read."""
    try:
        return guide_file.check(city, _file(folder, city).read_bytes())
    except (FileNotFoundError, ValueError):
        return None


def _keep(arrived: Path, place: Path) -> None:
    content = arrived.read_bytes()
    if place.is_file() and place.read_bytes() == content:
        return
    partial = place.with_suffix(".partial")
    partial.write_bytes(content)
    partial.replace(place)


def _file(folder: Path, city: str) -> Path:
    return folder / f"{city}.json"
