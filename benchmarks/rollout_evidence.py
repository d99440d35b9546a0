"""How often harmless rollouts are halted, how soon harmful ones are, and how soon harmless ones are proven so.

    python benchmarks/rollout_evidence.py [--repeats 500]

On the simulated city of the tests (tests/backend/simulated_city.py), with the settings as they come, looked at every
day. Prints the tables of docs/decisions/rollouts-halt-themselves.md.
"""

import argparse
import statistics
from functools import partial

from backend.evidence.sequential_test import evidence_of_harm, evidence_of_no_harm
from backend.settings import Settings
from tests.backend.simulated_city import NEVER, City, days_until, share_that_reach

AT_5, AT_25 = ((0, 5.0),), ((0, 25.0),)
HARMLESS = {
    "2,000 phones, 5, 25, 50, 90 %": City(),
    "2,000 phones, 60 days at 5 %": City(plan=AT_5),
    "2,000 phones, 60 days at 25 %": City(plan=AT_25),
    "residents differ by 12 points": City(spread=0.12),
    "300 phones, 60 days at 25 %": City(phones=300, plan=AT_25),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=500)
    repeats = parser.parse_args().repeats
    print_false_halts(repeats)
    print_delays(repeats // 5)


def print_false_halts(repeats: int) -> None:
    settings = Settings()
    tolerated = settings.tolerated_worsening_fraction
    tests = {
        "as it is": partial(evidence_of_harm, tolerated=tolerated, correlation=settings.answers_correlation),
        "nothing tolerated": partial(evidence_of_harm, tolerated=0.0, correlation=settings.answers_correlation),
        "answers as if independent": partial(evidence_of_harm, tolerated=0.0, correlation=0.0),
    }
    print(f"False halts in 60 days, alpha {settings.halt_alpha:g}, {repeats} repeats")
    for name, city in HARMLESS.items():
        shares = [share_that_reach(city, test, settings.halt_alpha, repeats) for test in tests.values()]
        said = (f"{test}: {share:.1%}" for test, share in zip(tests, shares, strict=True))
        print(f"  {name}: {', '.join(said)}", flush=True)
    as_treated = share_that_reach(City(as_treated=True), tests["as it is"], settings.halt_alpha, repeats // 5)
    print(f"  those with the candidate against those without: {as_treated:.1%}", flush=True)


def print_delays(repeats: int) -> None:
    settings = Settings()
    harm = partial(
        evidence_of_harm,
        tolerated=settings.tolerated_worsening_fraction,
        correlation=settings.answers_correlation,
    )
    harmless = partial(
        evidence_of_no_harm, margin=settings.widen_margin_fraction, correlation=settings.answers_correlation
    )
    print(f"Days until a halt at 5 % (median, 90 % of {repeats})")
    for phones in (2_000, 10_000, 100_000):
        for worse in (0.03, 0.05, 0.10, 0.20):
            city = City(phones=phones, days=21, plan=AT_5, worse=worse)
            days = days_until(city, harm, settings.halt_alpha, repeats)
            print(f"  {phones} phones, {100 * worse:g} points worse: {_said(days)}", flush=True)
    print(f"Days until proven less than {100 * settings.widen_margin_fraction:g} points worse")
    for phones, plan in ((2_000, AT_25), (10_000, AT_5), (10_000, AT_25), (100_000, AT_5)):
        city = City(phones=phones, days=21, plan=plan)
        days = days_until(city, harmless, settings.widen_alpha, repeats)
        print(f"  {phones} phones at {plan[0][1]:g} %: {_said(days)}", flush=True)
        on_it = City(phones=phones, days=21, plan=plan, worse=settings.widen_margin_fraction)
        share = share_that_reach(on_it, harmless, settings.widen_alpha, repeats)
        print(f"    proven so by mistake on the margin: {share:.1%}", flush=True)


def _said(days: list[int]) -> str:
    middle, most = statistics.median(days), statistics.quantiles(days, n=10)[-1]
    return ", ".join("more than 21" if each >= NEVER / 2 else f"{each:g}" for each in (middle, most))


if __name__ == "__main__":
    main()
