"""The figures of a verdict agree with the gate's own words, whatever it decided."""

import pytest

from backend.console.language import language
from backend.console.models import gate_words
from backend.runs import verdict_figures
from backend.runs.verdict_figures import VerdictFigures
from mobile_models.evaluation import Blessing, EvaluationReport, GatePolicy
from tests.backend.console.models_world import AFTER, BEFORE, WORSE, report
from training import gate

ELSEWHERE = report({}, holdout="another")


def judged(challenger: EvaluationReport, champion: EvaluationReport | None) -> tuple[Blessing, VerdictFigures]:
    blessing = gate.judge(challenger, champion, GatePolicy(), has_champion=champion is not None)
    return blessing, verdict_figures.of(challenger, champion, blessing, GatePolicy())


def said(challenger: EvaluationReport, champion: EvaluationReport | None, code: str = "en") -> list[str]:
    blessing, figures = judged(challenger, champion)
    return [each.text for each in gate_words.sentences(language(code), blessing, challenger, figures)]


def test_better_at_one_and_worse_at_another_is_counted_photo_by_photo() -> None:
    _, figures = judged(AFTER, BEFORE)
    assert {each.label: (each.won, each.lost) for each in figures.changes if each.net} == {
        "metal": (0, 2),
        "plastic": (5, 0),
        "trash": (3, 0),
    }
    assert figures.overall is not None
    assert (figures.overall.right - figures.overall.right_before, figures.overall.photos) == (6, 492)
    assert said(AFTER, BEFORE)[1:4] == [
        "Worse at Metal by 2 of 82.",
        "Better at Trash by 3 of 82.",
        "Better at Plastic by 5 of 82.",
    ]


@pytest.mark.parametrize("challenger", [AFTER, BEFORE, WORSE, report({"glass": (82, "paper")})])
@pytest.mark.parametrize("champion", [BEFORE, AFTER, None])
def test_there_are_as_many_figures_as_reasons_of_the_gate(
    challenger: EvaluationReport, champion: EvaluationReport | None
) -> None:
    blessing, figures = judged(challenger, champion)
    found = len(figures.floors) + len(figures.losses)
    assert found == (len(blessing.reasons) if blessing.verdict == "blocked" else 0)


def test_a_champion_of_other_photos_is_not_compared() -> None:
    _, figures = judged(AFTER, ELSEWHERE)
    assert (figures.comparable, figures.overall, figures.changes) == (False, None, ())
    assert said(AFTER, ELSEWHERE)[0] == "The model on the phones was measured on other photos; measure it on these."


def test_nothing_to_beat_is_said() -> None:
    assert said(AFTER, None)[-1].startswith("There was no model to beat")


@pytest.mark.parametrize("code", ["vi", "zh"])
def test_every_sentence_is_in_the_language_of_the_reader(code: str) -> None:
    for champion in (BEFORE, ELSEWHERE, None):
        for challenger in (AFTER, WORSE):
            english, other = said(challenger, champion), said(challenger, champion, code)
            assert len(english) == len(other)
            assert not set(english) & set(other)
