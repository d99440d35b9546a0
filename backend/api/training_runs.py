"""`/v1/training-runs`: asking for a run, watching it, cancelling it, reading its report."""

from datetime import datetime
from typing import Any
from uuid import UUID

from fastapi import APIRouter, Response
from pydantic import BaseModel, Field

from backend.api.dependencies import CurrentSettings, PartsOfServer, Transaction, transaction_of
from backend.api.staff_dependencies import Engineer
from backend.database import RowNumber
from backend.datasets import snapshots
from backend.errors import DomainError, NotFound
from backend.runs import run_files, training_runs
from backend.settings import Settings
from backend.tables import TrainingMode, TrainingRun, TrainingRunState
from training import recipe as recipes

router = APIRouter(prefix="/v1/training-runs", tags=["training"])
_MEDIA_TYPES = {".json": "application/json", ".md": "text/markdown; charset=utf-8"}


class RunBody(BaseModel):
    recipe: str | None = None
    """Name of a recipe; by default that of scheduled retraining."""
    changes: dict[str, Any] = Field(default_factory=dict)
    """Fields of the recipe to change, for example `{"batch_size": 16}`."""
    epochs: int | None = Field(default=None, ge=1, le=1000)
    """Of the recipe's last stage."""
    mode: TrainingMode = TrainingMode.FROM_SCRATCH_ALL
    """`from_scratch`: the recipe's own weights, on what is new to the champion alone. `fine_tune`: the champion, on
    what is new to it with a rehearsal of old photos. `from_scratch_all`: the recipe's own weights, on old and new."""
    weights: str | None = None
    """`imagenet`, `random`, `champion`, or the file named in the settings; by default that of scheduled retraining."""
    seed: int = Field(default=0, ge=0, lt=2**31)
    snapshot_id: RowNumber | None = None
    """By default a new snapshot is frozen, and the run waits for it."""


class RunAnswer(BaseModel):
    id: str
    state: TrainingRunState
    recipe: dict[str, Any]
    mode: TrainingMode
    weights: str
    seed: int
    snapshot_id: int
    trigger: str
    requested_by: str
    release_version: int
    champion_version: int | None
    progress: dict[str, Any] | None
    """`stage`, `epoch`, `epochs`, `metrics`, `seconds_left`, `updated_at`."""
    blessing: dict[str, Any] | None
    error: str | None
    cancel_requested_at: datetime | None
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None


class RunList(BaseModel):
    training_runs: list[RunAnswer]


class ReportFiles(BaseModel):
    files: list[str]


class Recipes(BaseModel):
    recipes: list[dict[str, Any]]


@router.post("", status_code=202)
def request(given: RunBody, person: Engineer, settings: CurrentSettings, session: Transaction) -> RunAnswer:
    """Ask for a run. A worker carries it out; watch `state` and `progress`."""
    recipe = _recipe(given, settings)
    snapshot_id = given.snapshot_id
    if snapshot_id is None:
        snapshot_id = snapshots.request(session, person.name).id
    if snapshot_id is None:
        raise AssertionError("a requested snapshot has an id")
    run = training_runs.request(
        session,
        settings,
        recipe=recipe,
        mode=given.mode,
        weights=given.weights or settings.weights,
        seed=given.seed,
        snapshot_id=snapshot_id,
        trigger="hand",
        who=person.name,
    )
    return answer(run)


@router.get("")
def newest(_: Engineer, session: Transaction) -> RunList:
    return RunList(training_runs=[answer(run) for run in training_runs.newest(session)])


@router.get("/recipes")
def known_recipes(_: Engineer) -> Recipes:
    return Recipes(recipes=[recipes.load(name).model_dump(mode="json") for name in recipes.names()])


@router.get("/{run_id}")
def one(run_id: UUID, _: Engineer, session: Transaction) -> RunAnswer:
    return answer(training_runs.find(session, str(run_id)))


@router.post("/{run_id}/cancel", status_code=202)
def cancel(run_id: UUID, person: Engineer, session: Transaction) -> RunAnswer:
    """End the run. One that waits is cancelled at once, one that runs within seconds."""
    return answer(training_runs.cancel(session, str(run_id), person.name))


@router.post("/{run_id}/resume", status_code=202)
def resume(run_id: UUID, person: Engineer, session: Transaction) -> RunAnswer:
    """Let a run go on that was cancelled or failed."""
    return answer(training_runs.resume(session, str(run_id), person.name))


@router.get("/{run_id}/report")
def report_files(run_id: UUID, _: Engineer, parts: PartsOfServer) -> ReportFiles:
    """What the run has left behind so far: evaluation, blessing, model card, log."""
    with transaction_of(parts) as session:  # It ends before the storage is asked, which may take long.
        training_runs.find(session, str(run_id))
    return ReportFiles(files=run_files.names(parts.storage, str(run_id)))


@router.get("/{run_id}/report/{file:path}", response_class=Response)
def report_file(run_id: UUID, file: str, _: Engineer, parts: PartsOfServer) -> Response:
    content = None
    if file in run_files.names(parts.storage, str(run_id)):
        content = run_files.read(parts.storage, run_files.run_key(str(run_id), file))
    if content is None:
        raise NotFound("The run has no such file.")
    kind = next((kind for ending, kind in _MEDIA_TYPES.items() if file.endswith(ending)), "text/plain; charset=utf-8")
    return Response(content, media_type=kind, headers={"X-Content-Type-Options": "nosniff"})


def _recipe(given: RunBody, settings: Settings) -> recipes.Recipe:
    try:
        recipe = recipes.load(given.recipe or settings.recipe)
        recipe = recipe.with_changes(**given.changes) if given.changes else recipe
        return recipe if given.epochs is None else recipe.with_epochs(given.epochs)
    except recipes.RecipeError as error:
        raise DomainError(str(error), code="bad_recipe") from None


def answer(run: TrainingRun) -> RunAnswer:
    return RunAnswer.model_validate(run, from_attributes=True)
