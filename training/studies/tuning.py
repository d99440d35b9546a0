"""Searching a recipe's fields with Optuna (Akiba et al. 2019, arXiv:1907.10902): a whole grid, or sampled trials.

Guarantees: trials are chosen by the validation split alone; nothing is exported and the holdout is never looked at.
Each trial is a fit in a run directory of its own, named by its recipe: one that was killed goes on from its checkpoint
when the same search is started again, and a recipe that was tried is not trained twice. Several machines share a
search through Optuna's storage; each has its own folder.

A grid is a queue of trials, filled once, rather than Optuna's GridSampler, which fails on trials that are started anew.
Other searches sample by TPE (Bergstra et al. 2011) and give up trials below the median of earlier ones.
"""

import platform
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import optuna
from optuna.storages import BaseStorage, JournalStorage
from optuna.storages.journal import JournalFileBackend
from optuna.trial import FrozenTrial, TrialState

from mobile_models.document import Sha256, sha256
from training import recipe_changes
from training.child import Stopped, TrainerFailed
from training.dataset import DataError, DatasetSnapshot
from training.fitting.checkpoints import STATE_FILE, FitState
from training.order import Order
from training.recipe import Recipe, RecipeError
from training.run_directory import Outcome, Progress, RunDirectory, RunResult
from training.studies import runs
from training.studies.runs import PlannedRun, Watch
from training.studies.tuning_report import BEST_FILE, PAGE_FILE, SUMMARY_FILE, Trial, TuningReport
from training.studies.tuning_space import Space, Value
from training.validation_report import ValidationReport

WHAT, HOST, FOLDER, RUN, REASON, FIXED = "what", "host", "folder", "run", "reason", "fixed_params"
FIGURES = ("accuracy", "worst_precision", "worst_recall")
STATES = {TrialState.COMPLETE: "complete", TrialState.PRUNED: "pruned", TrialState.FAIL: "failed"}
FAILURES_BEFORE_ANY_SUCCESS = 3


@dataclass(frozen=True)
class Plan:
    order: Order
    """What each trial is asked for, before its settings."""
    snapshot: Path
    space: Space
    folder: Path
    grid: bool = False
    trials: int = 30
    """In all, on all machines; a grid has as many as it has."""
    storage: str | None = None
    """A URL of Optuna's storage or a journal file; None: a journal in the folder."""
    study: str = "wastelens"
    parallel: int = 1
    threads: int = 0


def run(plan: Plan, watch: Watch) -> TuningReport:
    """Search to the end, write the report, its page and the best recipe into the folder, and return the report.

    Raise `RecipeError` for a space that does not fit the recipe or a storage that cannot be used or holds another
    search; `TrainerFailed` or `DataError` if trials fail and none has succeeded; `RunLocked` if another search runs in
    the folder.
    """
    plan.space.check(plan.order.recipe)
    with RunDirectory(plan.folder).held():
        search = _Search(plan, _study(plan), watch)
        search.take_back()
        search.fill()
        try:
            search.run()
        finally:
            report = search.report()
            report.write(plan.folder / SUMMARY_FILE)
            (plan.folder / PAGE_FILE).write_text(report.page())
    if report.best is not None:
        search.recipe(report.trial(report.best).settings).write(plan.folder / BEST_FILE)
    return report


@dataclass
class _Search:
    plan: Plan
    study: optuna.Study
    watch: Watch
    stop: threading.Event = field(default_factory=threading.Event)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def take_back(self) -> None:
        """Queue anew the trials that a killed process of this folder left; nobody else works here, we hold the lock."""
        for trial in self.study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
            if (trial.user_attrs.get(HOST), trial.user_attrs.get(FOLDER)) == self._place:
                self.study.tell(trial.number, state=TrialState.FAIL)
                self.study.enqueue_trial(dict(trial.params or trial.system_attrs.get(FIXED, {})))

    def fill(self) -> None:
        if self.plan.grid:
            for settings in self.plan.space.grid():
                self.study.enqueue_trial(dict(settings), skip_if_exists=True)

    def run(self) -> None:
        with ThreadPoolExecutor(self.plan.parallel) as pool:
            jobs = [pool.submit(self._work) for _ in range(self.plan.parallel)]
            try:
                wait(jobs, return_when=FIRST_EXCEPTION)
            finally:
                self.stop.set()
        for job in jobs:
            job.result()

    def report(self) -> TuningReport:
        kept = [trial for trial in self.study.get_trials(deepcopy=False) if _is_told(trial)]
        dataset = _snapshot_digest(self.plan)
        search = "grid" if self.plan.grid else "tree-structured Parzen estimator with median pruning"
        order = self.plan.order
        return TuningReport.of(order.recipe.name, search, dataset, order.seed, [_told(trial) for trial in kept])

    def recipe(self, settings: Mapping[str, Value]) -> Recipe:
        return recipe_changes.with_settings(self.plan.order.recipe, {**self.plan.space.fixed, **settings})

    @property
    def _place(self) -> tuple[str, str]:
        return platform.node(), str(self.plan.folder.resolve())

    def _work(self) -> None:
        with suppress(Stopped):  # Such a trial stays as it is, to be taken back.
            while not self.stop.is_set() and (trial := self._next()) is not None:
                self._try(trial)

    def _next(self) -> optuna.Trial | None:
        with self.lock:
            waiting = self.study.get_trials(deepcopy=False, states=(TrialState.WAITING,))
            begun = (TrialState.COMPLETE, TrialState.PRUNED, TrialState.RUNNING)
            enough = len(self.study.get_trials(deepcopy=False, states=begun)) >= self.plan.trials
            if not waiting and (self.plan.grid or enough):
                return None
            trial = self.study.ask()
            trial.set_user_attr(HOST, self._place[0])
            trial.set_user_attr(FOLDER, self._place[1])
        begun_as = self.study.get_trials(deepcopy=False)[trial.number].system_attrs
        if self.plan.grid and FIXED not in begun_as:  # Another machine took the last one.
            self.study.tell(trial, state=TrialState.FAIL)
            return None
        return trial

    def _try(self, trial: optuna.Trial) -> None:
        try:
            recipe = self.recipe(_suggested(trial, self.plan.space))
        except RecipeError as impossible:
            self._give_up(trial, TrialState.PRUNED, str(impossible))
            return
        planned = self._planned(recipe)
        trial.set_user_attr(RUN, planned.run.name)
        threads = runs.share(self.plan.threads, self.plan.parallel)
        name = f"trial {trial.number}"
        try:
            result = runs.carry_out(planned, threads, _pruning(trial, planned.run, name, self.watch), self.stop)
        except optuna.TrialPruned:
            self._give_up(trial, TrialState.PRUNED, "below the median of earlier trials")
        except TrainerFailed as failure:
            self._give_up(trial, TrialState.FAIL, str(failure))
            self._check_any_succeeds(failure)
        else:
            self._tell(trial, planned, result)

    def _planned(self, recipe: Recipe) -> PlannedRun:
        order = self.plan.order.model_copy(update={"recipe": recipe})
        folder = self.plan.folder / "trials" / recipe.digest[:12]
        return PlannedRun(folder.name, order, folder, self.plan.snapshot, fit_only=True)

    def _tell(self, trial: optuna.Trial, planned: PlannedRun, result: RunResult) -> None:
        if result.outcome is Outcome.REFUSED:
            reason = "; ".join(result.reasons)
            self._give_up(trial, TrialState.PRUNED, reason)
            self._check_any_succeeds(DataError(reason))
            return
        measured = ValidationReport.read(RunDirectory(planned.run).validation)
        for name in FIGURES:
            trial.set_user_attr(name, getattr(measured, name))
        self.study.tell(trial, measured.accuracy)

    def _give_up(self, trial: optuna.Trial, state: TrialState, reason: str) -> None:
        trial.set_user_attr(REASON, reason)
        self.study.tell(trial, state=state)

    def _check_any_succeeds(self, failure: Exception) -> None:
        """One trial may fail (diverge, fill the memory) without ending a night's search; all must not."""
        told = [trial for trial in self.study.get_trials(deepcopy=False) if _is_told(trial)]
        succeeded = any(trial.state is TrialState.COMPLETE for trial in told)
        if not succeeded and len(told) >= FAILURES_BEFORE_ANY_SUCCESS:
            raise failure


def _study(plan: Plan) -> optuna.Study:
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    try:
        study = optuna.create_study(
            storage=_storage(plan),
            study_name=plan.study,
            direction="maximize",
            pruner=optuna.pruners.MedianPruner(n_startup_trials=5, n_warmup_steps=plan.order.recipe.total_epochs // 4),
            load_if_exists=True,
        )
        study.sampler = optuna.samplers.TPESampler(seed=_chance(plan, len(study.trials)))
    except Exception as error:  # Each database has its own; all mean the same here.
        raise RecipeError(f"The search's storage {plan.storage or plan.folder} cannot be used: {error}") from error
    what = _what(plan)
    if study.user_attrs.setdefault(WHAT, what) != what:
        raise RecipeError(
            f"The storage holds another search named {plan.study!r} (recipe, data set, weights, seed or space differ). "
            "Give it another --study, or name a new folder with --run."
        )
    study.set_user_attr(WHAT, what)
    return study


def _chance(plan: Plan, begun: int) -> int:
    """A seed that differs between machines and between starts, which must not suggest the same again."""
    return int(sha256(f"{plan.order.seed} {platform.node()} {begun}".encode())[:8], 16)


def _storage(plan: Plan) -> BaseStorage | str:
    where = plan.storage or str(plan.folder / "search.journal")
    return where if "://" in where else JournalStorage(JournalFileBackend(where))


def _what(plan: Plan) -> str:
    order = plan.order
    parts = (order.recipe.digest, _snapshot_digest(plan), order.weights, order.seed, plan.space.digest)
    return sha256(" ".join(map(str, parts)).encode())


def _suggested(trial: optuna.Trial, space: Space) -> dict[str, Value]:
    chosen: dict[str, Value] = {}
    for path, values in space.choices.items():
        chosen[path] = trial.suggest_categorical(path, list(values))  # type: ignore[assignment]  # None only if offered.
    for path, bounds in space.ranges.items():
        chosen[path] = trial.suggest_float(path, bounds.low, bounds.high, log=bounds.log, step=bounds.step)
    return chosen


def _pruning(trial: optuna.Trial, run: Path, name: str, watch: Watch) -> Callable[[Progress], None]:
    """Pass progress on, and raise `TrialPruned` when the validation accuracy lags behind that of earlier trials."""
    reported = 0

    def look(progress: Progress) -> None:
        nonlocal reported
        watch(name, progress)
        state = RunDirectory(run).checkpoints / STATE_FILE
        epochs = FitState.read(state).epochs if state.is_file() else ()
        for epoch in epochs[reported:]:
            trial.report(epoch.val_accuracy, reported)
            reported += 1
        if trial.should_prune():
            raise optuna.TrialPruned

    return look


def _is_told(trial: FrozenTrial) -> bool:
    """Whether it ended, and not only because its process was killed or another machine was quicker."""
    return trial.state in STATES and (trial.state is not TrialState.FAIL or REASON in trial.user_attrs)


def _told(trial: FrozenTrial) -> Trial:
    return Trial(
        number=trial.number,
        state=STATES[trial.state],
        settings=trial.params,
        run=trial.user_attrs.get(RUN, ""),
        host=trial.user_attrs.get(HOST, ""),
        reason=trial.user_attrs.get(REASON, ""),
        **{name: trial.user_attrs.get(name) for name in FIGURES},
    )


def _snapshot_digest(plan: Plan) -> Sha256:
    return DatasetSnapshot.read(plan.snapshot / "snapshot.json").digest
