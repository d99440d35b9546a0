"""The loop, played once: each step does through the public interfaces what people and phones would do.

Guarantees: nothing is made up. Photos travel over HTTP, jobs run in the worker, models are trained, signed and
downloaded, and the accuracies at the end are what the phones answered.
"""

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from backend.settings import Settings
from cli.demo import city, first_model, photos
from cli.demo.city import City, DemoFailed
from cli.demo.street import Measured, Sent, Street
from cli.import_gold import importing
from mobile_models.updates.keys import signing_keys
from training import recipe as recipes
from training.run_directory import Progress as TrainingProgress

POLL_SECONDS = 0.5
REVIEWED_AT_ONCE = 20
Advance = Callable[[], None]


@dataclass(frozen=True)
class Plan:
    """What is played. `weights` as in `wastelens train`."""

    photos: Path
    directory: Path
    recipe: str
    weights: str
    phones: int


@dataclass
class Story:
    """What happened, for the table at the end."""

    seconds: dict[str, float] = field(default_factory=dict)
    sent: Sent = field(default_factory=Sent)
    before: Measured | None = None
    after: Measured | None = None
    relabelled: int = 0
    updated: int = 0
    downloaded_bytes: int = 0
    blessing: dict[str, Any] = field(default_factory=dict)


class Stage:
    """Prints each step with a bar and keeps its seconds."""

    def __init__(self, console: Console, story: Story) -> None:
        self._console, self._story = console, story

    @contextmanager
    def step(self, name: str, total: int | None) -> Iterator[Callable[..., None]]:
        """Yield `advance(to=None)`: one further, or as far as `to`."""
        started = time.monotonic()
        columns = (TextColumn("{task.description:<34}"), BarColumn(), MofNCompleteColumn())
        bar = Progress(*columns, TimeElapsedColumn(), TimeRemainingColumn(), console=self._console)
        with bar:
            task = bar.add_task(name, total=total)

            def advance(to: int | None = None, of: int | None = None) -> None:
                if of is not None:
                    bar.update(task, total=of)
                if to is None:
                    bar.advance(task)
                else:
                    bar.update(task, completed=to)

            yield advance
            done = bar.tasks[0].total or bar.tasks[0].completed or 1
            bar.update(task, total=done, completed=done)
        self._story.seconds[name] = time.monotonic() - started


def play(plan: Plan, console: Console) -> Story:
    """Play the loop in `plan.directory` and return what happened; raise `DemoFailed` where it breaks."""
    story = Story()
    stage = Stage(console, story)
    dealt = photos.deal(plan.photos)
    photos.write_folder(dealt.first, plan.directory / "first")
    with stage.step("Train release 1 on a tenth", None) as advance:
        bundled = _train_first(plan, advance)
    environment = city.environment(plan.directory / "city", bundled, plan.recipe, plan.weights)
    os.environ.update(environment)
    settings = Settings()
    with stage.step("Start the city, import the tenth", len(dealt.first)) as advance:
        _found_city(settings, plan, advance)
    with city.running(settings, environment) as running:
        _play_in(running, plan, dealt, bundled, stage, story)
    return story


def _play_in(running: City, plan: Plan, dealt: photos.DemoPhotos, bundled: Path, stage: Stage, story: Story) -> None:
    root = signing_keys.load(running.settings.resolved_keys_dir).trusted_root
    address = running.settings.resolved_public_url
    street = Street(plan.phones, plan.directory / "phones", address, root, bundled)
    try:
        with stage.step("Phones measure release 1", len(dealt.final)) as advance:
            story.before = street.measure(dealt.final, advance)
        with stage.step("Residents photograph and correct", len(dealt.residents)) as advance:
            story.sent = street.send(dealt.by_resident(plan.phones), advance)
        with stage.step("Workers inspect", len(dealt.residents)) as advance:
            _await_inspection(running, len(story.sent.truth), advance)
        with stage.step("A reviewer clears the queue", len(story.sent.truth)) as advance:
            story.relabelled = _review(running, story.sent.truth, advance)
        with stage.step("Freeze the dataset", None):
            snapshot = _freeze(running)
        with stage.step("Retrain, quantise, gate", None) as advance:
            run = _retrain(running, plan, snapshot, advance)
            story.blessing = run["blessing"]
        with stage.step("Approve, sign, publish", None):
            _release(running, run["release_version"])
        with stage.step("Phones update", plan.phones) as advance:
            story.updated = street.update(advance)
            story.downloaded_bytes = street.bytes_downloaded()
        with stage.step("Phones measure release 2", len(dealt.final)) as advance:
            story.after = street.measure(dealt.final, advance)
    finally:
        street.close()


def _train_first(plan: Plan, advance: Callable[..., None]) -> Path:
    def watch(progress: TrainingProgress) -> None:
        advance(to=progress.epoch, of=progress.epochs or None)

    recipe = recipes.load(plan.recipe)
    return first_model.train(plan.directory / "first", plan.directory / "first-model", recipe, plan.weights, watch)


def _found_city(settings: Settings, plan: Plan, advance: Callable[..., None]) -> None:
    from backend import first_start  # noqa: PLC0415  # It must find the settings that were just made.
    from backend.intake.gold_import import Source  # noqa: PLC0415

    first_start.prepare(settings)
    with importing(settings, lambda done, _: advance(to=done)) as importer:
        importer.import_folder(plan.directory / "first", Source("demonstration", "as given"))


def _await_inspection(running: City, photos_sent: int, advance: Callable[..., None]) -> None:
    def inspected() -> bool:
        queue = running.staff.get("/v1/review/queue?preview=0")
        advance(to=min(photos_sent, queue["waiting"]))
        return bool(queue["awaiting_inspection"] == 0)

    _wait(inspected, "the photos were not inspected", seconds=900)


def _review(running: City, truth: dict[str, str], advance: Advance) -> int:
    """Clear the queue as somebody would who is never wrong; return how many labels had to be changed."""
    relabelled = 0
    while items := running.staff.post("/v1/review/claims", {"count": REVIEWED_AT_ONCE})["items"]:
        for item in items:
            label = truth[item["photo_id"]]
            agrees = item["shown_label"] == label
            verdict = {"verdict": "agree" if agrees else "relabel", "label": label}
            running.staff.post(f"/v1/review/photos/{item['photo_id']}/verdict", verdict)
            relabelled += not agrees
            advance()
    return relabelled


def _freeze(running: City) -> int:
    snapshot: int = running.staff.post("/v1/dataset-snapshots")["id"]

    def frozen() -> bool:
        row = running.staff.get(f"/v1/dataset-snapshots/{snapshot}")
        if row["state"] == "failed":
            raise DemoFailed(f"The data set could not be frozen: {row['error']}")
        return bool(row["state"] == "frozen")

    _wait(frozen, "the data set was not frozen", seconds=120)
    return snapshot


def _retrain(running: City, plan: Plan, snapshot: int, advance: Callable[..., None]) -> dict[str, Any]:
    wanted = {"recipe": plan.recipe, "weights": plan.weights, "mode": "from_scratch_all", "snapshot_id": snapshot}
    run_id = running.staff.post("/v1/training-runs", wanted)["id"]
    ended: dict[str, Any] = {}

    def has_ended() -> bool:
        row = running.staff.get(f"/v1/training-runs/{run_id}")
        if row["progress"]:
            advance(to=row["progress"]["epoch"], of=row["progress"]["epochs"] or None)
        ended.update(row)
        return row["state"] not in ("requested", "running")

    _wait(has_ended, "the training run did not end", seconds=3600)
    if ended["state"] != "blessed":
        raise DemoFailed(f"The run is {ended['state']}: {ended['error']}")
    return ended


def _release(running: City, version: int) -> None:
    running.staff.post(f"/v1/releases/{version}/approve", {"rollout_percent": 100, "reason": "demonstration"})
    _wait(
        lambda: running.staff.get(f"/v1/releases/{version}")["state"] == "published",
        "the release was not published",
        seconds=120,
    )


def _wait(ready: Callable[[], bool], failure: str, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not ready():
        if time.monotonic() > deadline:
            raise DemoFailed(f"After {seconds:.0f} seconds {failure}; the logs are in the city's folder.")
        time.sleep(POLL_SECONDS)
