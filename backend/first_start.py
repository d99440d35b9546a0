"""What must be there before server and workers start, made at the first start.

Guarantees: safe to repeat; what is there is left as it is, and all that a later start adds is the release that a newer
program brings along. In production keys are never made on their own, and there
is never a default password: the first administrator's comes from the settings or is made, told once, and kept as a
hash alone. The bundled release is in storage, whole, before a row says that it is current.
"""

import logging
import secrets
from dataclasses import dataclass
from pathlib import Path

from sqlmodel import Session, select

from backend import database, migrations
from backend.guides import guidance
from backend.intake import photo_store
from backend.people import staff
from backend.releasing import release_files, releases
from backend.releasing.release_files import BLESSING, MANIFEST, MODEL
from backend.settings import Settings
from backend.tables import Release, Role, TrainingRun
from mobile_models.document import file_sha256
from mobile_models.evaluation import Blessing
from mobile_models.manifest import ReleaseManifest
from mobile_models.updates.keys import signing_keys
from mobile_models.updates.publishing import repository

log = logging.getLogger(__name__)


class BadRelease(ValueError):
    """The release folder cannot be loaded; the message says what is wrong with it."""


@dataclass(frozen=True)
class FirstStart:
    administrator_password: str | None
    """Of the administrator that this call made, if its password was made too."""


def prepare(settings: Settings) -> FirstStart:
    """Bring the database up to date; make keys (not in production), updates, first release, first guide, administrator.

    Raise `KeyProblem` where keys are missing and must be made by people, `BadRelease` or `FileNotFoundError` for the
    bundled release of a city that has no other.
    """
    migrations.upgrade(settings.resolved_database_url)
    _prepare_updates(settings)
    engine = database.connect(settings.resolved_database_url)
    try:
        with database.transaction(engine) as session:
            _load_bundled_release(session, settings)
        with database.transaction(engine) as session:
            guidance.load_example(session)
        with database.transaction(engine) as session:
            password = _add_administrator(session, settings)
    finally:
        engine.dispose()
    return FirstStart(password)


def _prepare_updates(settings: Settings) -> None:
    keys_dir = settings.resolved_keys_dir
    is_missing = not keys_dir.exists() or not any(keys_dir.iterdir())
    if is_missing and settings.environment == "development":
        threshold = settings.targets_threshold
        signing_keys.init(keys_dir, targets_keys=threshold, targets_threshold=threshold)
    store = photo_store.open_store(settings, settings.resolved_updates_url)
    repository.create(store, signing_keys.load(keys_dir))


def _load_bundled_release(session: Session, settings: Settings) -> None:
    try:
        folder = settings.resolved_bundled_release
        manifest, blessing = read_release(folder)
    except (FileNotFoundError, BadRelease):
        if session.exec(select(Release.version).limit(1)).first() is None:
            raise
        log.warning("the bundled release cannot be read, and the city goes on with those it has", exc_info=True)
        return
    if _is_taken(session, manifest.version):
        return
    storage = photo_store.open_store(settings, settings.resolved_storage_url)
    release_files.store(storage, manifest.version, folder)
    releases.add_bundled(session, manifest, blessing)


def _is_taken(session: Session, version: int) -> bool:
    """By this release itself since an earlier start, or by one of the city's own, which may still be trained."""
    run = select(TrainingRun.id).where(TrainingRun.release_version == version)
    return session.get(Release, version) is not None or session.exec(run).first() is not None


def read_release(folder: Path) -> tuple[ReleaseManifest, Blessing]:
    """Return what a release folder says of itself; raise `BadRelease` unless its parts belong together."""
    try:
        manifest = ReleaseManifest.read(folder / MANIFEST)
        blessing = Blessing.read(folder / BLESSING)
        digest = file_sha256(folder / MODEL)
    except (OSError, ValueError) as error:
        raise BadRelease(f"{folder} is no release: {error}") from error
    if digest != manifest.model.sha256:
        raise BadRelease(f"{folder / MODEL} is not the model that its manifest describes")
    if blessing.digest != manifest.evaluation.blessing_digest:
        raise BadRelease(f"{folder / BLESSING} is not the blessing that the manifest names")
    return manifest, blessing


def _add_administrator(session: Session, settings: Settings) -> str | None:
    if staff.has_administrator(session):
        return None
    password = settings.administrator_password or secrets.token_urlsafe(15)
    staff.add(session, settings.administrator, Role.ADMINISTRATOR, password, by="first start")
    return None if settings.administrator_password else password
