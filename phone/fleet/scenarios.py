"""What the city publishes, and what is true of it: good releases, and bad ones on purpose.

Guarantees: a scenario says of a release what only the world knows (how often it is right, whether it opens); the
phones' verification, the server and the rollout are told nothing of it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from phone.fleet.people import PhoneModel


class Scenario(StrEnum):
    GOOD = "good"
    WORSE = "worse"
    BROKEN_FILE = "broken-file"
    SELF_TEST = "self-test"
    CRASH = "crash"
    FOLLOW = "follow"
    """Nothing is published: the fleet follows a city that exists."""

    @property
    def is_bad(self) -> bool:
        return self not in (Scenario.GOOD, Scenario.FOLLOW)


PLAYED = tuple(scenario for scenario in Scenario if scenario is not Scenario.FOLLOW)


class Opening(StrEnum):
    """What becomes of a phone that loads a model for the first time."""

    OPENS = "opens"
    BROKEN = "broken"
    SELF_TEST_FAILS = "self_test_fails"
    CRASHES = "crashes"


CRASHING_MODELS = frozenset({"Birch Mini", "Cedar Go"})
"""Phones on which the release of scenario `crash` ends the app while it loads."""
RIGHT, BETTER, WORSE = 0.86, 0.89, 0.55
"""Share of right answers: the release that everybody has, a good new one, a bad new one."""


@dataclass(frozen=True)
class Truth:
    """Of one release."""

    version: int
    accuracy: Mapping[str, float]
    scenario: Scenario = Scenario.GOOD

    @property
    def is_bad(self) -> bool:
        return self.scenario.is_bad

    def opening(self, model: PhoneModel) -> Opening:
        """Return what a light phone of this model, which has no LiteRT, meets when it loads the release."""
        if self.scenario is Scenario.CRASH:
            return Opening.CRASHES if model.name in CRASHING_MODELS else Opening.OPENS
        return {
            Scenario.BROKEN_FILE: Opening.BROKEN,
            Scenario.SELF_TEST: Opening.SELF_TEST_FAILS,
        }.get(self.scenario, Opening.OPENS)


def bundled_truth(version: int, labels: tuple[str, ...]) -> Truth:
    return Truth(version, dict.fromkeys(labels, RIGHT))


def candidate_truth(version: int, labels: tuple[str, ...], scenario: Scenario, worse_accuracy: float = WORSE) -> Truth:
    share = worse_accuracy if scenario is Scenario.WORSE else BETTER
    return Truth(version, dict.fromkeys(labels, share), scenario)
