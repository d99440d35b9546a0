"""What is shown of a model's evidence: verdict in words, figures by label, what is taken for what.

Guarantees: everything comes from the reports in storage; what is missing there is said to be missing.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from obstore.store import ObjectStore

from backend.console import label_names
from backend.console.language import Language
from backend.console.models import gate_words
from backend.console.models.gate_words import Sentence
from backend.runs import run_files, verdict_figures
from backend.tables import Release, TrainingRun
from mobile_models.evaluation import Blessing, EvaluationReport, GatePolicy

_SHOWN_MISTAKES = 6


@dataclass(frozen=True)
class Mistake:
    """Photos of one label that were called another."""

    label: str
    called: str
    photos: int
    of: int


@dataclass(frozen=True)
class Evidence:
    blessing: Blessing | None
    report: EvaluationReport | None
    champion: EvaluationReport | None
    sentences: tuple[Sentence, ...]
    mistakes: tuple[Mistake, ...]
    names: dict[str, str]
    """Label to its name in the language of the reader."""


def of_run(language: Language, storage: ObjectStore, run: TrainingRun) -> Evidence:
    """It reads storage: no transaction should be open."""
    report, champion = run_files.evaluation_of_run(storage, run.id), run_files.evaluation_of_champion(storage, run.id)
    return _evidence(language, Blessing.model_validate(run.blessing) if run.blessing else None, report, champion)


def of_release(language: Language, storage: ObjectStore, release: Release) -> Evidence:
    """It reads storage: no transaction should be open."""
    run_id = release.training_run_id
    champion = None if run_id is None else run_files.evaluation_of_champion(storage, run_id)
    report = run_files.evaluation_of_release(storage, release.version)
    return _evidence(language, Blessing.model_validate(release.blessing), report, champion)


def _evidence(
    language: Language,
    blessing: Blessing | None,
    report: EvaluationReport | None,
    champion: EvaluationReport | None,
) -> Evidence:
    figures = None
    if report is not None and blessing is not None:
        figures = verdict_figures.of(report, champion, blessing, GatePolicy())
    names = {} if report is None else label_names.of(language, report.label_set)
    return Evidence(
        blessing=blessing,
        report=report,
        champion=champion if figures is not None and figures.comparable else None,
        sentences=() if blessing is None else tuple(gate_words.sentences(language, blessing, report, figures)),
        mistakes=() if report is None else tuple(_mistakes(report)),
        names=names,
    )


def _mistakes(report: EvaluationReport) -> list[Mistake]:
    """Return the most frequent ones, most frequent first."""
    found = sorted(_all_mistakes(report), key=lambda each: -each.photos)
    return found[:_SHOWN_MISTAKES]


def _all_mistakes(report: EvaluationReport) -> Iterator[Mistake]:
    ids = report.label_set.ids
    for label, row in zip(ids, report.confusion_matrix, strict=True):
        for called, photos in zip(ids, row, strict=True):
            if photos and called != label:
                yield Mistake(label, called, photos, sum(row))
