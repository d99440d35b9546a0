"""`/console/models/runs`: asking for a training run, watching it, ending it, letting it go on.

Guarantees: what a run printed or reported is shown as text, or in a page of its own that may do nothing at all.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated, Any, Literal
from uuid import UUID

from babel import dates
from fastapi import APIRouter, Depends, Form, Response
from sqlmodel import Session

from backend import known_labels
from backend.api.dependencies import Parts, PartsOfServer, transaction_of
from backend.console import charts, label_names, pages, safety
from backend.console.charts import Chart, Point, Series
from backend.console.language import Language
from backend.console.models import evidence_view, words
from backend.console.visitor import Engineer, Visitor
from backend.database import RowNumber, Text
from backend.datasets import snapshots
from backend.errors import DomainError, NotFound
from backend.runs import configurations, run_files, training_runs
from backend.runs.training_runs import RESUMABLE, UNFINISHED
from backend.tables import DatasetSnapshotRow, Release, TrainingMode, TrainingPoint, TrainingRun
from training import recipe as recipes
from training.recipe import CHAMPION, IMAGENET, RANDOM, RANDOM_FROZEN, Recipe, RecipeError

router = APIRouter(include_in_schema=False)
RUNS = "/console/models/runs"
_CONFIGURATION = "configuration:"
_REPORT_POLICY = "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:; frame-ancestors 'none'"
_LATER = "new"
"""Instead of a data set: freeze all that there is now."""


class RunForm:
    """What is asked for; a recipe is named, or `configuration:<id>`."""

    def __init__(
        self,
        recipe: Annotated[Text, Form(max_length=80)],
        mode: Annotated[TrainingMode, Form()],
        weights: Annotated[Text, Form(max_length=300)],
        seed: Annotated[int, Form(ge=0, lt=2**31)] = 0,
        snapshot: Annotated[Text, Form(pattern=r"^(new|[1-9]\d{0,17})$")] = _LATER,
        epochs: Annotated[int | Literal[""], Form(ge=1, le=1000)] = "",
    ) -> None:
        self.recipe, self.mode, self.weights, self.seed = recipe, mode, weights, seed
        self.snapshot, self.epochs = snapshot, epochs


@dataclass(frozen=True)
class Watched:
    """A run as it is shown."""

    run: TrainingRun
    snapshot: DatasetSnapshotRow
    release: Release | None
    points: list[TrainingPoint]

    @property
    def is_live(self) -> bool:
        return self.run.state in UNFINISHED

    @property
    def share_done(self) -> float:
        progress = self.run.progress or {}
        return float(progress.get("epoch", 0) / max(1, progress.get("epochs", 0)))


@router.get(f"{RUNS}/new")
def new(visitor: Engineer, parts: PartsOfServer, recipe: Text = "", configuration: RowNumber | None = None) -> Response:
    chosen = f"{_CONFIGURATION}{configuration}" if configuration else recipe or parts.settings.recipe
    return _form(visitor, parts, {"recipe": chosen})


@router.post(RUNS)
def request(visitor: Engineer, parts: PartsOfServer, given: Annotated[RunForm, Depends()]) -> Response:
    try:
        with transaction_of(parts) as session:
            run = _request(session, visitor, parts, given)
    except DomainError as refused:
        return _form(visitor, parts, vars(given), refused)
    return pages.redirect(f"{RUNS}/{run.id}", said=visitor.language.texts.gettext("The run is asked for."))


@router.get(f"{RUNS}/{{run_id}}")
def one(run_id: UUID, visitor: Engineer, parts: PartsOfServer) -> Response:
    return _page(visitor, parts, str(run_id))


@router.get(f"{RUNS}/{{run_id}}/live")
def live(run_id: UUID, visitor: Engineer, parts: PartsOfServer) -> Response:
    """The part of the page that changes while it trains; once it has ended, the whole page is loaded again."""
    with transaction_of(parts) as session:
        watched = _watched(session, str(run_id))
    page = pages.render("models/run_live.html", visitor, parts.settings, **_shown(visitor.language, watched))
    if not watched.is_live:
        page.headers["HX-Refresh"] = "true"
    return page


@router.post(f"{RUNS}/{{run_id}}/cancel")
def cancel(run_id: UUID, visitor: Engineer, parts: PartsOfServer) -> Response:
    said = visitor.language.texts.gettext("The run is told to end.")
    return _act(visitor, parts, str(run_id), training_runs.cancel, said)


@router.post(f"{RUNS}/{{run_id}}/resume")
def resume(run_id: UUID, visitor: Engineer, parts: PartsOfServer) -> Response:
    said = visitor.language.texts.gettext("The run goes on.")
    return _act(visitor, parts, str(run_id), training_runs.resume, said)


@router.get(f"{RUNS}/{{run_id}}/report")
def report(run_id: UUID, _: Engineer, parts: PartsOfServer) -> Response:
    """The trainer's own report, in a page that runs no script, sends no form and loads nothing."""
    content = _file(parts, str(run_id), run_files.REPORT)
    headers = safety.headers() | {"Content-Security-Policy": _REPORT_POLICY}
    return Response(content, media_type="text/html; charset=utf-8", headers=headers)


@router.get(f"{RUNS}/{{run_id}}/files/{{file:path}}")
def file(run_id: UUID, file: Text, _: Engineer, parts: PartsOfServer) -> Response:
    """Anything that the run left, as a download."""
    content = _file(parts, str(run_id), file)
    name = file.rpartition("/")[2].encode("ascii", "ignore").decode().replace('"', "")
    headers = safety.headers() | {"Content-Disposition": f'attachment; filename="{name}"'}
    return Response(content, media_type="application/octet-stream", headers=headers)


def _file(parts: Parts, run_id: str, file: str) -> bytes:
    with transaction_of(parts) as session:  # It ends before the storage is asked, which may take long.
        training_runs.find(session, run_id)
    content = None
    if file in run_files.names(parts.storage, run_id):
        content = run_files.read(parts.storage, run_files.run_key(run_id, file))
    if content is None:
        raise NotFound("The run has no such file.")
    return content


def _act(
    visitor: Visitor, parts: Parts, run_id: str, act: Callable[[Session, str, str], TrainingRun], said: str
) -> Response:
    try:
        with transaction_of(parts) as session:
            act(session, run_id, visitor.person.name)
    except DomainError as refused:
        return _page(visitor, parts, run_id, refused)
    return pages.redirect(f"{RUNS}/{run_id}", said=said)


def _request(session: Session, visitor: Visitor, parts: Parts, given: RunForm) -> TrainingRun:
    recipe = recipe_named(session, given.recipe)
    name = visitor.person.name
    chosen = snapshots.request(session, name).id if given.snapshot == _LATER else int(given.snapshot)
    if chosen is None:
        raise AssertionError("a requested snapshot has an id")
    return training_runs.request(
        session,
        parts.settings,
        recipe=recipe.with_epochs(given.epochs) if given.epochs else recipe,
        mode=given.mode,
        weights=given.weights,
        seed=given.seed,
        snapshot_id=chosen,
        trigger="hand",
        who=name,
    )


def recipe_named(session: Session, name: str) -> Recipe:
    """Return a recipe of the program, or what a configuration makes of one."""
    if (number := _configuration_in(name)) is not None:
        return configurations.recipe_of(configurations.find(session, number))
    try:
        return recipes.load(name)
    except RecipeError as error:
        raise DomainError(str(error), code="bad_recipe") from None


def _form(visitor: Visitor, parts: Parts, given: dict[str, Any], refused: DomainError | None = None) -> Response:
    with transaction_of(parts) as session:
        saved = configurations.newest(session)
        frozen = [row for row in snapshots.newest(session, 20) if row.error is None]
        chosen = given.get("recipe", "")
        older = _older_configuration(session, chosen, {f"{_CONFIGURATION}{row.id}" for row in saved})
    known = [(each, each) for each in sorted({IMAGENET, RANDOM, RANDOM_FROZEN, CHAMPION, parts.settings.weights})]
    defaults = {"mode": TrainingMode(parts.settings.retrain_mode), "weights": parts.settings.weights, "seed": 0,
                "snapshot": _LATER, "epochs": ""}  # fmt: skip
    return pages.render(
        "models/run_new.html",
        visitor,
        parts.settings,
        status=refused.status if refused else 200,
        problem=words.said(visitor.language, refused) if refused else "",
        given=defaults | given,
        recipe_names=recipes.names(),
        saved=[*older, *saved],
        snapshots=frozen,
        weights=known,
        **words.tables(),
    )


def _older_configuration(session: Session, chosen: str, shown: set[str]) -> list[Any]:
    """An older version that was asked for by its number is offered beside the newest ones."""
    number = _configuration_in(chosen)
    return [] if number is None or chosen in shown else [configurations.find(session, number)]


def _configuration_in(name: str) -> int | None:
    found = re.fullmatch(f"{_CONFIGURATION}([1-9][0-9]{{0,17}})", name)
    return None if found is None else int(found[1])


def _watched(session: Session, run_id: str) -> Watched:
    run = training_runs.find(session, run_id)
    snapshot, release = snapshots.find(session, run.snapshot_id), session.get(Release, run.release_version)
    return Watched(run, snapshot, release, list(training_runs.points(session, run_id)))


def _page(visitor: Visitor, parts: Parts, run_id: str, refused: DomainError | None = None) -> Response:
    with transaction_of(parts) as session:
        watched = _watched(session, run_id)
        names = label_names.of(visitor.language, known_labels.label_set(session))
    evidence = evidence_view.of_run(visitor.language, parts.storage, watched.run)
    return pages.render(
        "models/run.html",
        visitor,
        parts.settings,
        status=refused.status if refused else 200,
        problem=words.said(visitor.language, refused) if refused else "",
        files=run_files.names(parts.storage, run_id),
        printed=run_files.log_of(parts.storage, run_id),
        may_resume=watched.run.state in RESUMABLE,
        changes=_changes(watched.run),
        evidence=evidence,
        report_file=run_files.REPORT,
        label_names=names,
        **_shown(visitor.language, watched),
    )


def _shown(language: Language, watched: Watched) -> dict[str, Any]:
    return {
        "watched": watched,
        "run": watched.run,
        "curves": _curves(language, watched),
        "duration": lambda seconds: dates.format_timedelta(timedelta(seconds=seconds), locale=language.locale),
        **words.tables(),
    }


def _changes(run: TrainingRun) -> dict[str, Any]:
    """How its recipe differs from the one of that name, where this program still has it."""
    try:
        return configurations.differences(recipes.load(run.recipe["name"]), Recipe.checked(run.recipe))
    except (RecipeError, KeyError):
        return {}


def _curves(language: Language, watched: Watched) -> list[Chart]:
    gettext = language.texts.gettext
    names = (
        (gettext("Accuracy"), ("accuracy", "val_accuracy"), language.percent, None),
        (gettext("Loss"), ("loss", "val_loss"), lambda value: language.number(round(value, 3)), 0.0),
    )
    epoch = gettext("epoch %(number)s")
    return [
        charts.lines(
            title,
            [
                Series(gettext("on training photos"), _points(watched, metrics[0]), "two"),
                Series(gettext("on validation photos"), _points(watched, metrics[1]), "one"),
            ],
            x_text=lambda number: epoch % {"number": language.number(int(number))},
            y_text=write,
            least=least,
        )
        for title, metrics, write, least in names
    ]


def _points(watched: Watched, metric: str) -> list[Point]:
    return [Point(each.epoch, each.metrics.get(metric)) for each in watched.points]
