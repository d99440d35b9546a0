"""What a residents' app must know of this installation before it has any signed update: whose it is, which channel it
follows, and the release that comes with the app.

Guarantees: the release is told by the digests of the very files that are served, and only where they belong together.
"""

import functools
from dataclasses import dataclass
from pathlib import Path

from sqlmodel import Session

from backend.errors import NotFound, Unavailable
from backend.guides import guidance
from backend.releasing.release_files import MANIFEST, MODEL
from backend.settings import PREFIX, Settings
from backend.tables import Release
from mobile_models.document import Sha256, file_sha256, sha256
from mobile_models.guide import in_language
from mobile_models.manifest import ReleaseManifest

_NAMELESS = "Wastelens"


@dataclass(frozen=True)
class BundledRelease:
    version: int
    manifest_path: Path
    manifest_sha256: Sha256
    manifest_bytes: int
    model_path: Path
    model_sha256: Sha256
    model_bytes: int


def name(session: Session, settings: Settings) -> str:
    """Return what the app calls the city: as the settings say, else as its guide does in its first language."""
    if settings.city_name or not settings.city:
        return settings.city_name or _NAMELESS
    try:
        published = guidance.published(session, settings.city)
    except NotFound:
        return _NAMELESS
    if published is None:
        return _NAMELESS
    guide = guidance.guide_of(published)
    return in_language(guide.names, guide.languages) or _NAMELESS


def bundled_release(settings: Settings) -> BundledRelease:
    """Raise `Unavailable` where there is none that is whole."""
    try:
        return _read(settings.resolved_bundled_release)
    except (OSError, ValueError) as error:
        raise Unavailable("The release that comes with the app is not there, or is not whole.") from error


def problem(session: Session, settings: Settings) -> str | None:
    """Return what is wrong if two models have one number here: what phones tell of them cannot be told apart."""
    try:
        bundled = bundled_release(settings)
    except Unavailable:
        return None
    row = session.get(Release, bundled.version)
    if row is None or ReleaseManifest.model_validate(row.manifest).model.sha256 == bundled.model_sha256:
        return None
    return (
        f"the bundled release has the number {bundled.version}, and so has another model of this city; set "
        f"{PREFIX}BUNDLED_RELEASE to the folder of one of the city's releases"
    )


@functools.cache
def _read(folder: Path) -> BundledRelease:
    """Once per process: what came with the program does not change while it runs. Failures are not kept."""
    manifest, model = (folder / MANIFEST).resolve(), (folder / MODEL).resolve()
    content = manifest.read_bytes()
    said = ReleaseManifest.model_validate_json(content)
    if file_sha256(model) != said.model.sha256:
        raise ValueError(f"{model} is not the model that its manifest describes")
    return BundledRelease(
        version=said.version,
        manifest_path=manifest,
        manifest_sha256=sha256(content),
        manifest_bytes=len(content),
        model_path=model,
        model_sha256=said.model.sha256,
        model_bytes=model.stat().st_size,
    )
