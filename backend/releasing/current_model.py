"""The model that this process answers with: always the current release, without a restart.

Guarantees: a newly published release is taken up within `CHECK_SECONDS` of the next question, and a withdrawn one is
given up; while a new one loads, and when it fails to load, the one before goes on answering. Any number of threads
may ask.
"""

import logging
import threading
import time
from collections.abc import Callable

import obstore
from obstore.exceptions import BaseError as StorageError
from obstore.store import ObjectStore
from sqlalchemy import Engine
from sqlmodel import Session, col, select

from backend.database import transaction
from backend.errors import Unavailable
from backend.releasing.release_files import MANIFEST, MODEL, release_key
from backend.tables import Release, ReleaseChannel, ReleaseState
from mobile_models.classifier import Classifier, ModelError
from mobile_models.manifest import ReleaseManifest
from mobile_models.updates.update_channel import STABLE

log = logging.getLogger(__name__)

CHECK_SECONDS = 3.0
RETRY_SECONDS = 60.0
"""How long a release that failed to load is left alone."""


def current_version(session: Session) -> int | None:
    """Return the release that everybody gets: the current one of `stable`, or the bundled one where it went back."""
    stable = session.get(ReleaseChannel, STABLE)
    if stable is None or stable.return_to_bundled or stable.current_version is None:
        return _bundled_version(session)
    return stable.current_version


def _bundled_version(session: Session) -> int | None:
    is_bundled = col(Release.training_run_id).is_(None)
    bundled = select(Release.version).where(is_bundled, Release.state == ReleaseState.PUBLISHED)
    return session.exec(bundled.order_by(col(Release.version).desc()).limit(1)).one_or_none()


class CurrentModel:
    def __init__(
        self, engine: Engine, storage: ObjectStore, threads: int = 1, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._engine, self._storage, self._threads, self._clock = engine, storage, threads, clock
        self._loading = threading.Lock()
        self._loaded: Classifier | None = None
        self._next_check_at = float("-inf")
        self._failed: tuple[int, float] | None = None

    def classifier(self) -> Classifier:
        """Raise `Unavailable` while no release can be used."""
        loaded = self._loaded
        if self._clock() >= self._next_check_at and self._loading.acquire(blocking=loaded is None):
            try:
                loaded = self._follow()
            finally:
                self._loading.release()
        if loaded is None:
            raise Unavailable("There is no model that can be used yet.", code="no_model")
        return loaded

    def _follow(self) -> Classifier | None:
        """Return the classifier of the current release, or the one before where that cannot be loaded."""
        if self._clock() < self._next_check_at:  # Another thread has just looked.
            return self._loaded
        with transaction(self._engine) as session:
            version = current_version(session)
        if version is None:
            self._loaded = None
        elif (self._loaded is None or self._loaded.manifest.version != version) and not self._failed_lately(version):
            self._load(version)
        self._next_check_at = self._clock() + CHECK_SECONDS
        return self._loaded

    def _load(self, version: int) -> None:
        try:
            self._loaded = load(self._storage, version, self._threads)
        except (ModelError, StorageError, OSError):
            self._failed = (version, self._clock() + RETRY_SECONDS)
            log.exception("Release %d cannot be loaded; going on with what is there", version)
        else:
            log.info("Answering with release %d", version)

    def _failed_lately(self, version: int) -> bool:
        return self._failed is not None and self._failed[0] == version and self._clock() < self._failed[1]


def load(storage: ObjectStore, version: int, threads: int = 1) -> Classifier:
    """Load a release from storage; raise `ModelError` if it is none, `OSError` or `StorageError` if it is not there."""
    content = bytes(obstore.get(storage, release_key(version, MANIFEST)).bytes())
    try:
        manifest = ReleaseManifest.model_validate_json(content)
    except ValueError as error:
        raise ModelError(f"the manifest of release {version} is not valid: {error}") from error
    model = bytes(obstore.get(storage, release_key(version, MODEL)).bytes())
    return Classifier(model, manifest, threads)
