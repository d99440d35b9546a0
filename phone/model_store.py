"""The models on a phone.

Guarantees: the phone always has a model that works: the newest that was installed, else the one before it, else the
one that came with the app. A model is installed only after its self-tests, and the swap is one rename. One that was
refused is remembered, so that it is not downloaded again and again; so is one that takes the process down with it while
it is loaded or gives its first answer: a new one at the first time, one that has answered before at the second time in
a row. A full disk changes nothing that was installed.
"""

import importlib.metadata
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from pydantic import Field, ValidationError

from mobile_models import durable_file, self_tests
from mobile_models.classifier import Classification, Classifier
from mobile_models.document import Document, Sha256, file_sha256
from mobile_models.litert_model import ModelError
from mobile_models.manifest import ReleaseManifest
from mobile_models.self_tests import SelfTestFailed
from mobile_models.updates.following.refusals import RefusalReason, UpdateRefused, refusing_storage_errors
from phone.load_watch import Attempt, LoadWatch
from phone.usage import Usage


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
    answered: tuple[Sha256, ...] = ()
    """Of active and previous, those that have answered on this phone."""
    crashes: dict[Sha256, int] = Field(default_factory=dict)
    """In a row."""


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


def _manifest(release: Path) -> ReleaseManifest | None:
    """None where it is not there, or cannot be read any more."""
    try:
        return ReleaseManifest.read(release / "manifest.json")
    except (OSError, ValueError):
        return None


class ModelStore:
    """For one process at a time. What happens to a release is counted in `usage`."""

    def __init__(self, directory: Path, bundled: Path, usage: Usage) -> None:
        self._directory = directory
        self._bundled = bundled
        self._usage = usage
        self.downloads = directory / "downloads"
        self.downloads.mkdir(parents=True, exist_ok=True)
        self._watch = LoadWatch(directory / "loading.json")
        self._tried = set[Sha256 | None]()
        """Those that have answered since this process began."""
        self.bundled_digest = file_sha256(bundled / "manifest.json")
        self.bundled_manifest = ReleaseManifest.read(bundled / "manifest.json")

    @property
    def installed(self) -> Installed:
        try:
            return Installed.read(self._directory / "installed.json")
        except (FileNotFoundError, ValidationError):  # Damaged: as if nothing had ever been installed.
            return Installed()

    def open_best(self) -> ActiveModel:
        """Open the newest model that works. Raise `UpdateRefused` if not even the bundled one does."""
        with suppress(OSError):  # The disk is full: the next start does again what this one could not write.
            self._count_crash()
        installed = self.installed
        for digest in (installed.active, installed.previous):
            if digest is None:
                break
            try:
                return self._open(digest)
            except UpdateRefused as error:
                with suppress(OSError):
                    self._drop(digest, error)
        return self.open_bundled()

    def open_bundled(self) -> ActiveModel:
        with self._watch.watching(Attempt(version=self.bundled_manifest.version, manifest=None)):
            model = ActiveModel(open_tested(self._bundled), None)
        self._usage.count(model.version, "loads")
        return model

    def check_not_refused(self, digest: Sha256) -> None:
        """Raise the `UpdateRefused` of an earlier time, unless the runtime has changed since."""
        refused = self.installed.refused.get(digest)
        if refused is not None and refused.runtime_version == runtime_version():
            raise UpdateRefused(refused.reason, refused.detail)

    def has(self, digest: Sha256) -> bool:
        return self._folder(digest).is_dir()

    def models(self) -> dict[Sha256, Path]:
        """Return the digests of all model files here, with their places: what a patch may start from."""
        installed = self.installed
        folders = [self._folder(digest) for digest in (installed.active, installed.previous) if digest is not None]
        manifests = ((folder, _manifest(folder)) for folder in (*folders, self._bundled))
        return {
            manifest.model.sha256: folder / "model.tflite" for folder, manifest in manifests if manifest is not None
        }

    def forget_downloads(self) -> None:
        """Remove what had come of a release that is not wanted any more."""
        for path in self.downloads.iterdir():
            path.unlink()

    def prepare(self, digest: Sha256, manifest: bytes, download: Callable[[], Path]) -> ActiveModel:
        """Download a release if it is not here, and test it; it is not active yet.

        Raise `UpdateRefused` if it does not work; then nothing of it is left.
        """
        if not self.has(digest):
            self._place(digest, manifest, download())
        try:
            return self._open(digest)
        except UpdateRefused as error:
            with refusing_storage_errors():
                self._drop(digest, error)
            raise

    def activate(self, model: ActiveModel) -> None:
        """Make a prepared release, or the bundled one, the active one and keep the one before.

        Raise `UpdateRefused` where the disk is full; then the one before stays active.
        """
        installed = self.installed
        if model.digest != installed.active:
            with refusing_storage_errors():
                self._write(installed.model_copy(update={"active": model.digest, "previous": installed.active}))
            self._usage.count(model.version, "installed")

    def classify(self, model: ActiveModel, photo: bytes) -> Classification:
        """Answer with `model`; its first answer is watched for a crash. Raise `mobile_models.photo.PhotoError`."""
        if model.digest in self._tried:
            return model.classifier.classify(photo)
        with self._watch.watching(Attempt(version=model.version, manifest=model.digest)):
            answer = model.classifier.classify(photo)
        self._tried.add(model.digest)
        if model.digest is not None:
            with suppress(OSError):
                self._note_answer(model.digest)
        return answer

    def _note_answer(self, digest: Sha256) -> None:
        installed = self.installed
        if digest not in installed.answered or digest in installed.crashes:
            crashes = {each: count for each, count in installed.crashes.items() if each != digest}
            answered = (*(each for each in installed.answered if each != digest), digest)
            self._write(installed.model_copy(update={"answered": answered, "crashes": crashes}))

    def _count_crash(self) -> None:
        """Take account of what the process before this one died of."""
        attempt = self._watch.left_over()
        if attempt is None:
            return
        installed, digest = self.installed, attempt.manifest
        if digest is not None:
            crashes = installed.crashes.get(digest, 0) + 1
            if crashes > (digest in installed.answered):
                self._drop(digest, UpdateRefused(RefusalReason.CRASHED, "it took the app down while it was loaded"))
            else:
                self._write(installed.model_copy(update={"crashes": {**installed.crashes, digest: crashes}}))
        self._usage.count(attempt.version, "load_crashes")
        self._watch.clear()

    def _place(self, digest: Sha256, manifest: bytes, model: Path) -> None:
        folder, partial = self._folder(digest), self._directory / f"{digest}.partial"
        shutil.rmtree(partial, ignore_errors=True)
        with refusing_storage_errors(), _removed_on_error(partial):
            partial.mkdir()
            durable_file.write(partial / "manifest.json", manifest)
            model.replace(partial / "model.tflite")
            durable_file.sync(partial)
            partial.rename(folder)
            durable_file.sync(self._directory)

    def _open(self, digest: Sha256) -> ActiveModel:
        folder = self._folder(digest)
        if not _is_intact(folder, digest):
            raise UpdateRefused(RefusalReason.TAMPERED_FILE, f"the files of {digest} have changed on this phone")
        version = ReleaseManifest.read(folder / "manifest.json").version
        with self._watch.watching(Attempt(version=version, manifest=digest)):
            model = ActiveModel(open_tested(folder), digest)
        self._usage.count(version, "loads")
        return model

    def _drop(self, digest: Sha256, error: UpdateRefused) -> None:
        """Give a release up for the one before; unless its files were damaged here, remember that it does not work."""
        installed, manifest = self.installed, _manifest(self._folder(digest))
        active, previous = installed.active, installed.previous
        if digest == active:
            active, previous = previous, None
        elif digest == previous:
            previous = None
        refused = dict(installed.refused)
        if error.reason != RefusalReason.TAMPERED_FILE:
            refused[digest] = Refused(reason=error.reason, detail=error.detail, runtime_version=runtime_version())
        self._write(installed.model_copy(update={"active": active, "previous": previous, "refused": refused}))
        if manifest is not None:
            self._usage.refused(manifest.version, error.reason)
            if digest == installed.active:
                self._usage.count(manifest.version, "rolled_back")

    def _write(self, installed: Installed) -> None:
        known = {digest for digest in (installed.active, installed.previous) if digest is not None}
        answered = tuple(each for each in installed.answered if each in known)
        crashes = {each: count for each, count in installed.crashes.items() if each in known}
        installed = installed.model_copy(update={"answered": answered, "crashes": crashes})
        durable_file.write(self._directory / "installed.json", installed.to_bytes())
        for folder in self._directory.iterdir():
            if folder.is_dir() and folder.name not in {*known, "downloads"}:
                shutil.rmtree(folder)

    def _folder(self, digest: Sha256) -> Path:
        return self._directory / digest


@contextmanager
def _removed_on_error(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError:
        shutil.rmtree(folder, ignore_errors=True)
        raise
