"""A whole city on this machine: server, update repository and worker, for the residents' app in a real browser.

Guarantees: the server is a real one on a port that stays the same when it is stopped and started again; nothing is done
by a worker before the test says `work`, so that a test sees every step.
"""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from fnmatch import fnmatch
from pathlib import Path

from sqlmodel import Session, col, select

from backend import database, first_start, job_queue, publisher
from backend.guides import guidance
from backend.intake import photo_store
from backend.people.staff import Person
from backend.releasing import retreat, rollouts
from backend.releasing.current_model import CurrentModel
from backend.reviewing import labelling, review_queue
from backend.reviewing.labelling import Verdict
from backend.settings import Settings
from backend.tables import (
    DatasetSnapshotPhoto,
    Device,
    FieldDay,
    JobKind,
    Photo,
    PhotoId,
    Release,
    ReleaseState,
    ReviewVerdict,
    Role,
    Staff,
    TrainingRun,
)
from mobile_models.guide import Guide
from mobile_models.updates.update_channel import DownloadConditions
from tests import tiny_model
from tests.backend import staff_world
from tests.backend.world import running
from tests.workers.world import Bell, add_release
from workers import claim
from workers.claim import Outcome, Task
from workers.inspect_photo import INSPECT_PHOTO
from workers.make_patches import MAKE_PATCH
from workers.publish import PUBLISH
from workers.workplace import Workplace

TASKS: dict[JobKind, Task] = {
    JobKind.INSPECT: INSPECT_PHOTO,
    JobKind.PUBLISH: PUBLISH,
    JobKind.PATCH: MAKE_PATCH,
}
WHY = "the test says so"


@dataclass
class City:
    settings: Settings
    place: Workplace
    _open: ExitStack = field(default_factory=ExitStack)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.settings.port}"

    @property
    def updates(self) -> Path:
        """The folder of the update repository."""
        return self.settings.data_dir / "updates"

    def start(self) -> None:
        self._open.enter_context(running(self.settings, port=self.settings.port))

    def stop(self) -> None:
        """Nothing listens afterwards: for a browser the network is there and the city is not."""
        self._open.close()

    def work(self) -> None:
        """Let a worker do all that waits: inspect photos, publish, make patches."""
        while any(self._work_off(kind, task) for kind, task in TASKS.items()):
            pass

    def publish(
        self,
        version: int,
        percent: float = 100,
        *,
        channel: str = "stable",
        conditions: DownloadConditions | None = None,
        folder: Path | None = None,
        **options: object,
    ) -> None:
        """Publish a release, to everybody or as a rollout: the one in `folder`, else a tiny one with `options`."""
        made = folder or tiny_model.release_folder(
            self.settings.data_dir / "made" / str(version),
            version,
            **options,  # type: ignore[arg-type]
        )
        said = (conditions or DownloadConditions()).model_dump()
        add_release(
            self.place,
            version,
            ReleaseState.APPROVED,
            percent,
            by_run=True,
            channel=channel,
            folder=made,
            conditions=said,
        )
        with self.place.transaction() as session:
            publisher.ask(session)
        self.work()

    def widen(self, version: int, percent: float) -> None:
        with self.place.transaction() as session:
            rollouts.widen(session, "ada", rollouts.meant(session, version), percent, WHY)
        self.work()

    def halt(self, version: int) -> None:
        with self.place.transaction() as session:
            rollouts.halt(session, "ada", rollouts.meant(session, version), WHY)
        self.work()

    def return_to_bundled(self, channel: str = "stable") -> None:
        with self.place.transaction() as session:
            retreat.to_bundled(session, "ada", channel, WHY)
        self.work()

    def change_guide(self, change: Callable[[Guide], Guide]) -> None:
        """Publish the city's guide as `change` makes it."""
        with self.place.transaction() as session:
            editor, city = self._person(session, Role.GUIDE_EDITOR), self.settings.city
            latest = guidance.newest(session, city)
            changed = change(guidance.guide_of(latest))
            made = guidance.replace(session, editor, changed, based_on=latest.number, reason=WHY)
            guidance.publish(session, editor, city, made.number, WHY, made.made_at)
        self.work()

    def review(self, photo_id: str, label: str) -> None:
        """Let a reviewer say what it is. The photo has been inspected before."""
        with self.place.transaction() as session:
            reviewer = self._person(session, Role.REVIEWER)
            review_queue.claim_one(session, self.settings, reviewer, PhotoId(photo_id))
            said = Verdict(ReviewVerdict.RELABEL, label)
            labelling.give_verdict(session, self.settings, reviewer, PhotoId(photo_id), said)

    def teach(self, version: int, *photo_ids: str) -> None:
        """Say that the published release `version` was made with these photos, too."""
        with self.place.transaction() as session:
            run = session.get_one(TrainingRun, session.get_one(Release, version).training_run_id)
            session.add_all(
                DatasetSnapshotPhoto(snapshot_id=run.snapshot_id, photo_id=each, split="train", label="glass")
                for each in photo_ids
            )

    def photos(self) -> list[Photo]:
        """All that has arrived."""
        with self.place.transaction() as session:
            return list(session.exec(select(Photo).order_by(col(Photo.received_at))).all())

    def devices(self) -> int:
        """Phones that are known here."""
        with self.place.transaction() as session:
            return len(session.exec(select(Device)).all())

    def reported(self, version: int, name: str) -> int:
        """What field reports have counted of a release under a name (backend.evidence.field_reports.Count)."""
        with self.place.transaction() as session:
            found = session.exec(select(FieldDay).where(FieldDay.version == version, FieldDay.name == name))
            return sum(each.number for each in found)

    @contextmanager
    def tampered(self, pattern: str, change: Callable[[bytes], bytes] | None) -> Iterator[list[Path]]:
        """For a while files of the update repository are what `change` makes of them; None: they are not there.

        `pattern` is one of `fnmatch`, below the repository: `targets/models/2/*.model.tflite`.
        """
        found = [file for file in self.updates.rglob("*") if fnmatch(str(file.relative_to(self.updates)), pattern)]
        assert found, f"nothing in the update repository is called {pattern}"
        before = {file: file.read_bytes() for file in found}
        for file, content in before.items():
            _put(file, None if change is None else change(content))
        try:
            yield found
        finally:
            for file, content in before.items():
                _put(file, content)

    def _work_off(self, kind: JobKind, task: Task) -> bool:
        """Return whether there was anything to do."""
        with self.place.transaction() as session:
            job_id = job_queue.next_due(session, kind)
        if job_id is None:
            return False
        outcome = claim.work(self.place, job_id, task)
        assert outcome == Outcome.DONE, f"{kind}: {outcome}; the log says why"
        return True

    def _person(self, session: Session, role: Role) -> Person:
        """One for each role, made when first needed."""
        row = session.exec(select(Staff).where(Staff.name == role)).one_or_none()
        return staff_world.person(session, role, role) if row is None else Person(row.id or 0, row.name, role, None)


@contextmanager
def built(settings: Settings) -> Iterator[City]:
    """A city after its first start, whose server runs."""
    first_start.prepare(settings)
    engine = database.connect(settings.resolved_database_url)
    storage, updates = (
        photo_store.open_store(settings, url) for url in (settings.resolved_storage_url, settings.resolved_updates_url)
    )
    place = Workplace(settings, engine, Bell(), storage, updates, CurrentModel(engine, storage))
    city = City(settings, place)
    city.work()
    city.start()
    try:
        yield city
    finally:
        city.stop()
        place.close()


def _put(file: Path, content: bytes | None) -> None:
    """As a publisher does it: whole, or not there."""
    if content is None:
        file.unlink()
        return
    partial = file.with_name(f".{file.name}.partial")
    partial.write_bytes(content)
    partial.replace(file)
