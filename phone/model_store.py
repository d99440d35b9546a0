"""The models on a phone.

Guarantees: the phone always has a model that works: the newest that was installed, else the one before it, else the
one that came with the app. A model is installed only after its self-tests, and the swap is one rename. One that was
refused is remembered, so that it is not downloaded again and again.
"""

import importlib.metadata
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from pydantic import Field

from mobile_models import self_tests
from mobile_models.classifier import Classifier
from mobile_models.document import Document, Sha256, file_sha256
from mobile_models.litert_model import ModelError
from mobile_models.manifest import ReleaseManifest
from mobile_models.self_tests import SelfTestFailed
from mobile_models.updates.updater import RefusalReason, UpdateRefused
from phone import durable_file


class Refused(Document):
    reason: RefusalReason
    detail: str
    runtime_version: str
    """A newer runtime may well run it."""


class Installed(Document):
    """`installed.json`. Releases are named by the digest of their manifest; null is the bundled one."""

    active: Sha256 | None = None
    previous: Sha256 | None = None
    refused: dict[Sha256, Refused] = Field(default_factory=dict)


@dataclass(frozen=True)
class ActiveModel:
    """The classifier in use. `digest` is None for the bundled release."""

    classifier: Classifier
    digest: Sha256 | None

    @property
    def version(self) -> int:
        return self.classifier.manifest.version


def runtime_version() -> str:
    return importlib.metadata.version("ai-edge-litert")


def open_tested(release: Path) -> Classifier:
    """Load a release folder and run its self-tests. Raise `UpdateRefused` if it must not be used on this phone."""
    try:
        classifier = Classifier.load(release)
        self_tests.run(classifier, classifier.manifest)
    except SelfTestFailed as error:
        raise UpdateRefused(RefusalReason.SELF_TEST_FAILED, str(error)) from error
    except ModelError as error:
        raise UpdateRefused(RefusalReason.MODEL_BROKEN, str(error)) from error
    return classifier


def _is_intact(release: Path, digest: Sha256) -> bool:
    manifest, model = release / "manifest.json", release / "model.tflite"
    if not manifest.is_file() or file_sha256(manifest) != digest or not model.is_file():
        return False
    return file_sha256(model) == ReleaseManifest.read(manifest).model.sha256


class ModelStore:
    """For one process at a time."""

    def __init__(self, directory: Path, bundled: Path) -> None:
        self._directory = directory
        self._bundled = bundled
        self.downloads = directory / "downloads"
        self.downloads.mkdir(parents=True, exist_ok=True)
        self.bundled_digest = file_sha256(bundled / "manifest.json")
        self.bundled_manifest = ReleaseManifest.read(bundled / "manifest.json")

    @property
    def installed(self) -> Installed:
        path = self._directory / "installed.json"
        return Installed.read(path) if path.exists() else Installed()

    def open_best(self) -> ActiveModel:
        """Open the newest model that works. Raise `UpdateRefused` if not even the bundled one does."""
        while (digest := self.installed.active) is not None:
            try:
                return self._open(digest)
            except UpdateRefused as error:
                self._drop(digest, error)
        return self.open_bundled()

    def open_bundled(self) -> ActiveModel:
        return ActiveModel(open_tested(self._bundled), None)

    def check_not_refused(self, digest: Sha256) -> None:
        """Raise the `UpdateRefused` of an earlier time, unless the runtime has changed since."""
        refused = self.installed.refused.get(digest)
        if refused is not None and refused.runtime_version == runtime_version():
            raise UpdateRefused(refused.reason, refused.detail)

    def has(self, digest: Sha256) -> bool:
        return self._folder(digest).is_dir()

    def prepare(self, digest: Sha256, manifest: bytes, download: Callable[[], Path]) -> ActiveModel:
        """Download a release if it is not here, and test it; it is not active yet.

        Raise `UpdateRefused` if it does not work; then nothing of it is left.
        """
        if not self.has(digest):
            self._place(digest, manifest, download())
        try:
            return self._open(digest)
        except UpdateRefused as error:
            self._drop(digest, error)
            raise

    def activate(self, digest: Sha256 | None) -> None:
        """Make a prepared release, or with None the bundled one, the active one and keep the one before."""
        installed = self.installed
        if digest != installed.active:
            self._write(digest, installed.active, installed.refused)

    def _place(self, digest: Sha256, manifest: bytes, model: Path) -> None:
        folder, partial = self._folder(digest), self._directory / f"{digest}.partial"
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir()
        durable_file.write(partial / "manifest.json", manifest)
        model.replace(partial / "model.tflite")
        durable_file.sync_folder(partial)
        partial.rename(folder)
        durable_file.sync_folder(self._directory)

    def _open(self, digest: Sha256) -> ActiveModel:
        folder = self._folder(digest)
        if not _is_intact(folder, digest):
            raise UpdateRefused(RefusalReason.TAMPERED_FILE, f"the files of {digest} have changed on this phone")
        return ActiveModel(open_tested(folder), digest)

    def _drop(self, digest: Sha256, error: UpdateRefused) -> None:
        """Give a release up for the one before; unless its files were damaged here, remember that it does not work."""
        installed = self.installed
        active, previous = installed.active, installed.previous
        if digest == active:
            active, previous = previous, None
        elif digest == previous:
            previous = None
        refused = dict(installed.refused)
        if error.reason != RefusalReason.TAMPERED_FILE:
            refused[digest] = Refused(reason=error.reason, detail=error.detail, runtime_version=runtime_version())
        self._write(active, previous, refused)

    def _write(self, active: Sha256 | None, previous: Sha256 | None, refused: dict[Sha256, Refused]) -> None:
        installed = Installed(active=active, previous=previous, refused=refused)
        durable_file.write(self._directory / "installed.json", installed.to_bytes())
        keep = {active, previous, "downloads"}
        for folder in self._directory.iterdir():
            if folder.is_dir() and folder.name not in keep:
                shutil.rmtree(folder)

    def _folder(self, digest: Sha256) -> Path:
        return self._directory / digest
