"""How often harmless rollouts are halted, and how soon harmful ones: measured on a simulated city, looked at daily."""

import statistics
from dataclasses import replace
from functools import partial

import pytest

from backend.evidence.sequential_test import evidence_of_harm, evidence_of_no_harm
from backend.settings import Settings
from tests.backend.simulated_city import NEVER, City, days_until, share_that_reach

SETTINGS = Settings()
HARM = partial(
    evidence_of_harm, tolerated=SETTINGS.tolerated_worsening_fraction, correlation=SETTINGS.answers_correlation
)
NO_HARM = partial(evidence_of_no_harm, margin=SETTINGS.widen_margin_fraction, correlation=SETTINGS.answers_correlation)
AT_25 = ((0, 25.0),)
AT_5 = ((0, 5.0),)


@pytest.mark.parametrize(
    "city",
    [
        City(),
        City(plan=AT_5),
        City(spread=0.12),
        City(phones=300, plan=AT_25),
    ],
    ids=["by plan", "5 % for 60 days", "residents differ much", "a small town"],
)
def test_a_harmless_rollout_is_hardly_ever_halted_in_sixty_days(city: City) -> None:
    assert share_that_reach(city, HARM, SETTINGS.halt_alpha, repeats=60) <= SETTINGS.halt_alpha


def test_the_city_is_hard_enough_to_mislead_a_test_that_counts_answers_as_if_independent() -> None:
    naive = partial(evidence_of_harm, tolerated=0.0, correlation=0.0)
    assert share_that_reach(City(plan=AT_5), naive, SETTINGS.halt_alpha, repeats=40) > 0.15


def test_comparing_those_who_updated_with_those_who_did_not_would_halt_everything() -> None:
    """Keen residents update first and correct more; that is why cohorts are compared, not releases."""
    assert share_that_reach(City(as_treated=True), HARM, SETTINGS.halt_alpha, repeats=20) > 0.9


@pytest.mark.parametrize(("phones", "days"), [(2_000, 10), (10_000, 3)])
def test_a_candidate_that_is_ten_points_worse_is_halted_soon(phones: int, days: int) -> None:
    """At 5 % of the phones, each with three answers a day."""
    city = City(phones=phones, days=21, plan=AT_5, worse=0.10)
    assert statistics.median(days_until(city, HARM, SETTINGS.halt_alpha, repeats=30)) <= days


def test_a_harmless_candidate_is_proven_so_within_a_week_and_a_harmful_one_hardly_ever() -> None:
    city = City(phones=10_000, days=14, plan=AT_25)
    assert statistics.median(days_until(city, NO_HARM, SETTINGS.widen_alpha, repeats=20)) <= 5
    on_the_margin = replace(city, phones=3_000, worse=SETTINGS.widen_margin_fraction)
    assert share_that_reach(on_the_margin, NO_HARM, SETTINGS.widen_alpha, repeats=60) <= SETTINGS.widen_alpha


def test_too_few_phones_prove_nothing() -> None:
    city = City(phones=200, days=14, plan=AT_5)
    assert statistics.median(days_until(city, NO_HARM, SETTINGS.widen_alpha, repeats=10)) == NEVER
