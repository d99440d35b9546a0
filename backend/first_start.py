"""What must be there before server and workers start, made at the first start.

Guarantees: safe to repeat; what is there is left as it is. In production keys are never made on their own, and there
is never a default password: the first administrator's comes from the settings or is made, told once, and kept as a
hash alone. The bundled release is in storage, whole, before a row says that it is current.
"""

import secrets
from dataclasses import dataclass
from pathlib import Path

import obstore
from obstore.store import ObjectStore
from sqlmodel import Session, select

from backend import database, migrations, photo_store, releases, staff
from backend.current_model import release_key
from backend.settings import Settings
from backend.tables import Release, Role
from mobile_models import bundled, repository, signing_keys
from mobile_models.document import file_sha256
from mobile_models.evaluation import Blessing
from mobile_models.manifest import ReleaseManifest

_MANIFEST, _MODEL, _BLESSING = "manifest.json", "model.tflite", "blessing.json"


class BadRelease(ValueError):
    """The release folder cannot be loaded; the message says what is wrong with it."""


@dataclass(frozen=True)
class FirstStart:
    administrator_password: str | None
    """Of the administrator that this call made, if its password was made too."""


def prepare(settings: Settings) -> FirstStart:
    """Bring the database up to date; make keys (not in production), update repository, first release, administrator.

    Raise `KeyProblem` where keys are missing and must be made by people, `BadRelease` or `FileNotFoundError` for the
    bundled release.
    """
    migrations.upgrade(settings.resolved_database_url)
    _prepare_updates(settings)
    engine = database.connect(settings.resolved_database_url)
    try:
        with database.transaction(engine) as session:
            _load_bundled_release(session, settings)
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
    if session.exec(select(Release.version).limit(1)).first() is not None:
        return
    folder = settings.bundled_release or bundled.newest()
    manifest, blessing = read_release(folder)
    storage = photo_store.open_store(settings, settings.resolved_storage_url)
    store_release(storage, folder, manifest.version)
    releases.add_bundled(session, manifest, blessing)


def read_release(folder: Path) -> tuple[ReleaseManifest, Blessing]:
    """Return what a release folder says of itself; raise `BadRelease` unless its parts belong together."""
    try:
        manifest = ReleaseManifest.read(folder / _MANIFEST)
        blessing = Blessing.read(folder / _BLESSING)
        digest = file_sha256(folder / _MODEL)
    except (OSError, ValueError) as error:
        raise BadRelease(f"{folder} is no release: {error}") from error
    if digest != manifest.model.sha256:
        raise BadRelease(f"{folder / _MODEL} is not the model that its manifest describes")
    if blessing.digest != manifest.evaluation.blessing_digest:
        raise BadRelease(f"{folder / _BLESSING} is not the blessing that the manifest names")
    return manifest, blessing


def store_release(storage: ObjectStore, folder: Path, version: int) -> None:
    """The manifest goes last: where it is, the rest is too."""
    files = sorted(file for file in folder.iterdir() if file.is_file())
    for file in sorted(files, key=lambda file: file.name == _MANIFEST):
        obstore.put(storage, release_key(version, file.name), file)


def _add_administrator(session: Session, settings: Settings) -> str | None:
    if staff.has_administrator(session):
        return None
    password = settings.administrator_password or secrets.token_urlsafe(15)
    staff.add(session, settings.administrator, Role.ADMINISTRATOR, password, by="first start")
    return None if settings.administrator_password else password
