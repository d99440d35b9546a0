"""A phone: it classifies without a network, keeps what the resident says, and follows signed updates.

Guarantees: classifying and keeping need no network. An update that is refused leaves the model that runs untouched and
says why. What was met with a release is counted and reported (`phone.usage`). The phone knows its own id and token
only; nothing about the person who holds it is kept or sent.
"""

import importlib.metadata
import platform
import random
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import date
from enum import StrEnum
from pathlib import Path

from mobile_models import durable_file, guide, guide_search
from mobile_models.field_report import Arm
from mobile_models.guide import Guide, GuideAnswer
from mobile_models.manifest import ReleaseManifest
from mobile_models.updates import update_channel
from mobile_models.updates.following import updater
from mobile_models.updates.following.known_time import Clock, system_clock
from mobile_models.updates.following.refusals import RefusalReason, UpdateRefused
from mobile_models.updates.following.updater import Offer, UpdateSource
from mobile_models.updates.update_channel import DownloadConditions
from phone import server
from phone.model_store import ActiveModel, ModelStore, runtime_version
from phone.outbox import Outbox, Refusal, Sent
from phone.server import Registration, Server, ServerUnreachable, SubmissionStatus
from phone.submission import (
    Answer,
    Consent,
    Correction,
    CorrectionReason,
    Prediction,
    Submission,
    SubmissionId,
)
from phone.usage import PhoneKind, Usage

_FIRST_WAIT_SECONDS, _LONGEST_WAIT_SECONDS = 1.0, 300.0


class UpdateState(StrEnum):
    UP_TO_DATE = "up_to_date"
    UPDATED = "updated"
    RETURNED_TO_BUNDLED = "returned_to_bundled"
    POSTPONED = "postponed"  # not on this network, not without charging, or not while in use


@dataclass(frozen=True)
class Surroundings:
    """Where the phone is at the moment."""

    is_unmetered: bool = True
    is_charging: bool = True
    is_idle: bool = True

    def allow(self, conditions: DownloadConditions) -> bool:
        return (
            (self.is_unmetered or not conditions.unmetered_only)
            and (self.is_charging or not conditions.charging_only)
            and (self.is_idle or not conditions.idle_only)
        )


@dataclass(frozen=True)
class GuideReader:
    """Whose guide a phone follows, and in which language it is read."""

    city: str
    language: str = "en"


_NOTHING_CHOSEN, _ANYWHERE = Submission(), Surroundings()


class Phone:
    """All that it keeps lies in `directory`. For one thread at a time."""

    def __init__(
        self,
        directory: Path,
        server_url: str,
        trusted_root: bytes,
        bundled_release: Path,
        *,
        channel: str = update_channel.STABLE,
        clock: Clock = system_clock,
        reader: GuideReader | None = None,
    ) -> None:
        """Raise `UpdateRefused` if not even the bundled release runs here."""
        directory.mkdir(parents=True, exist_ok=True)
        self._directory = directory
        self._channel = channel
        self._reader, self._clock = reader, clock
        address = server_url.rstrip("/")
        self._http = server.connect(address)
        bundled = ReleaseManifest.read(bundled_release / "manifest.json")
        self._source = UpdateSource(
            f"{address}/updates", trusted_root, directory / "updates", self._http, clock, bundled.created_at
        )
        self._usage = Usage(directory / "usage.json", _kind(), channel, bundled.version, self._source.known_time.now)
        self._models = ModelStore(directory / "models", bundled_release, self._usage)
        self._active = self._models.open_best()
        self._guide = self._kept_guide()
        self.outbox = Outbox(directory / "outbox")

    def close(self) -> None:
        self._http.close()

    @property
    def release(self) -> int:
        """Version of the model in use."""
        return self._active.version

    @property
    def arm(self) -> Arm:
        """On which side of a rollout this phone is with its release."""
        return self._usage.arm(self.release)

    @property
    def labels(self) -> tuple[str, ...]:
        return self._active.classifier.manifest.label_set.ids

    def register(self) -> Registration:
        """Return the registration of this phone, made at the first call. Raise `ServerUnreachable`, `ServerRefused`."""
        path = self._directory / "device.json"
        return Registration.read(path) if path.exists() else self._register_anew()

    def _register_anew(self) -> Registration:
        registration = Server(self._http).register()
        durable_file.write(self._directory / "device.json", registration.to_bytes())
        return registration

    def classify(self, photo: bytes) -> Answer:
        """Raise `mobile_models.photo.PhotoError` if this is no photo that can be read."""
        model = self._active
        said = self._models.classify(model, photo)
        self._usage.answered(model.version, said.milliseconds)
        prediction = Prediction(label=said.label, scores=said.scores, release=model.version)
        return Answer(prediction, said.milliseconds, self._advice(said.label))

    def look_up(self, words: str) -> tuple[GuideAnswer, ...]:
        """Return what the city's guide says about things of this name, the likeliest first."""
        if self._guide is None or self._reader is None:
            return ()
        return guide_search.search(self._guide, words, self._reader.language, self._today)

    def _advice(self, label: str) -> GuideAnswer | None:
        if self._guide is None or self._reader is None:
            return None
        return guide.answer(self._guide, label, self._reader.language, self._today)

    @property
    def _today(self) -> date:
        """As the resident's calendar has it."""
        return self._clock().astimezone().date()

    def _kept_guide(self) -> Guide | None:
        return None if self._reader is None else updater.guide(self._source, self._reader.city)

    def keep(self, photo: bytes, answer: Answer, chosen: Submission = _NOTHING_CHOSEN) -> SubmissionId:
        """Put a photo with this phone's `answer` and what the resident has chosen into the outbox.

        Raise `ValueError` for a correction to an unknown label.
        """
        if chosen.correction is not None:
            self._active.classifier.manifest.label_set.index(chosen.correction)
        said = answer.prediction
        submission_id = self.outbox.add(photo, chosen.model_copy(update={"prediction": said}))
        self._usage.kept(submission_id, said.release, said.label, chosen.correction)
        return submission_id

    def correct(self, submission_id: SubmissionId, label: str, reason: CorrectionReason | None = None) -> None:
        """Say what it really is, also long after the photo was sent. Raise `ValueError` for an unknown label."""
        self._active.classifier.manifest.label_set.index(label)
        self.outbox.correct(submission_id, Correction(label=label, reason=reason))
        self._usage.said(submission_id, label)

    def change_consent(self, submission_id: SubmissionId, *, allow_review: bool, allow_training: bool) -> None:
        """Say anew what the city may do with a photo; what is revoked ends as soon as the server is reached."""
        self.outbox.change_consent(submission_id, Consent(allow_review=allow_review, allow_training=allow_training))

    def withdraw(self, submission_id: SubmissionId) -> None:
        self.outbox.withdraw(submission_id)
        self._usage.forget(submission_id)

    def status(self, submission_id: SubmissionId) -> SubmissionStatus:
        """Raise `ServerUnreachable`, `ServerRefused`."""
        return self._known_server().status(submission_id)

    def send(self, *, attempts: int = 5, sleep: Callable[[float], None] = time.sleep) -> Sent:
        """Send outbox and field reports, waiting longer after each failure.

        Raise `ServerUnreachable` once `attempts` have failed.
        """
        delivered, refused = 0, tuple[Refusal, ...]()
        for attempt in range(1, attempts + 1):
            sent = self._send_once()
            delivered, refused = delivered + sent.delivered, (*refused, *sent.refused)
            if sent.failure is None:
                break
            if attempt == attempts:
                raise sent.failure
            sleep(_wait_seconds(attempt, sent.failure.retry_after_seconds))
        return Sent(delivered, refused)

    def update(self, surroundings: Surroundings = _ANYWHERE) -> UpdateState:
        """Follow the channel. Raise `UpdateRefused`; then the model that ran goes on running."""
        offer = self._look_and_count()
        self._report()
        if offer is None or offer.digest == self._models.bundled_digest:
            return self._return_to_bundled()
        if offer.digest == self._active.digest:
            self._models.forget_downloads()
            return UpdateState.UP_TO_DATE
        try:
            return self._follow(offer, surroundings)
        except UpdateRefused as refusal:
            if refusal.reason != RefusalReason.UNREACHABLE:
                self._usage.refused(offer.manifest.version, refusal.reason)
            raise

    def _follow(self, offer: Offer, surroundings: Surroundings) -> UpdateState:
        self._models.check_not_refused(offer.digest)
        known = self._models.bundled_manifest
        updater.check_fits(offer, known, runtime_version=runtime_version(), app_version=_app_version())
        if not self._models.has(offer.digest) and not surroundings.allow(offer.conditions):
            return UpdateState.POSTPONED
        self._swap(self._prepare(offer))
        return UpdateState.UPDATED

    def _send_once(self) -> Sent:
        self._usage.close_days(self.release)
        if not self.outbox.waiting() and not self._usage.waiting:
            return Sent(0, ())
        try:
            return self._send_registered()
        except ServerUnreachable as failure:  # This phone cannot be registered yet, or its reports have to wait.
            return Sent(0, (), failure)

    def _send_registered(self) -> Sent:
        """A server that has forgotten this phone has forgotten all that it sent: it begins again under a new name."""
        try:
            return self._send_all(self._known_server())
        except server.ServerRefused as refusal:
            if refusal.code != server.NOT_SIGNED_IN:
                raise
        return self._send_all(Server(self._http, self._register_anew().token))

    def _send_all(self, known: Server) -> Sent:
        sent = self.outbox.send(known)
        if sent.failure is not None:
            return sent
        try:
            self._send_reports(known)
        except ServerUnreachable as failure:
            return replace(sent, failure=failure)
        return sent

    def _send_reports(self, known: Server) -> None:
        for report in self._usage.waiting:
            try:
                known.report(report)
            except server.ServerRefused as refusal:
                if refusal.code == server.NOT_SIGNED_IN:
                    raise
                # Anything else, a day too long ago for example, will not be taken tomorrow either.
            self._usage.settle(report)

    def _report(self) -> None:
        """Use the contact for what is due; an update does not fail because the server takes no reports."""
        self._usage.close_days(self.release)
        if self._usage.waiting:
            with suppress(ServerUnreachable, server.ServerRefused):  # They wait for the next contact.
                self._send_reports(self._known_server())

    def _look_and_count(self) -> Offer | None:
        """A network that is down is nobody's fault and is not counted."""
        try:
            return self._look()
        except UpdateRefused as refusal:
            if refusal.reason != RefusalReason.UNREACHABLE:
                self._usage.look_refused(self.release, refusal.reason)
            raise

    def _look(self) -> Offer | None:
        try:
            device_id = self.register().device_id
        except (ServerUnreachable, server.ServerRefused) as error:
            raise UpdateRefused(RefusalReason.UNREACHABLE, str(error)) from error
        city = None if self._reader is None else self._reader.city
        offer = updater.look(self._source, self._channel, device_id, self._models.models(), city)
        self._guide = self._kept_guide()
        pointer = updater.pointer_seen_last(self._source)
        if pointer is not None:
            self._usage.saw(pointer, device_id)
        return offer

    def _prepare(self, offer: Offer) -> ActiveModel:
        def download() -> Path:
            models = self._models.models()
            downloaded = updater.download_model(self._source, offer, self._models.downloads, models)
            if downloaded.patch_problem is not None:
                self._usage.refused(offer.manifest.version, RefusalReason.PATCH_FAILED)
            return downloaded.path

        return self._models.prepare(offer.digest, offer.manifest_content, download)

    def _return_to_bundled(self) -> UpdateState:
        self._models.forget_downloads()
        if self._active.digest is None:
            return UpdateState.UP_TO_DATE
        self._swap(self._models.open_bundled())
        return UpdateState.RETURNED_TO_BUNDLED

    def _swap(self, model: ActiveModel) -> None:
        self._models.activate(model)
        self._active = model

    def _known_server(self) -> Server:
        return Server(self._http, self.register().token)


def _kind() -> PhoneKind:
    return PhoneKind(f"{platform.system()} {platform.machine()}", _app_version(), runtime_version())


def _app_version() -> str:
    return importlib.metadata.version("wastelens")


def _wait_seconds(attempt: int, asked: float | None) -> float:
    """Exponential, with full jitter so that phones do not come back together; never less than the server asked."""
    longest = min(_LONGEST_WAIT_SECONDS, _FIRST_WAIT_SECONDS * 2 ** (attempt - 1))
    return max(asked or 0.0, random.uniform(longest / 2, longest))  # noqa: S311  # No secret depends on it.
