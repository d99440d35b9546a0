import pytest

from training.fitting import schedules
from training.recipe_parts import Schedule, Stage


def stage(**values: object) -> Stage:
    wanted = {"name": "all", "epochs": 10, "trainable_layers": 0, "batch_norm_frozen": True, "learning_rate": 0.1}
    return Stage.model_validate(wanted | values)


def test_a_cosine_falls_from_the_top_to_nearly_nothing() -> None:
    cosine = stage(schedule=Schedule.COSINE)
    rates = [schedules.learning_rate(cosine, [0.0] * epoch) for epoch in range(10)]
    assert rates == sorted(rates, reverse=True)
    assert rates[0] == pytest.approx(0.1, rel=0.01)
    assert rates[-1] < 0.002


def test_a_warm_up_begins_low() -> None:
    cosine = stage(schedule=Schedule.COSINE, warmup_epochs=1)
    assert schedules.learning_rate(cosine, []) == pytest.approx(0.1 / 3)
    assert schedules.learning_rate(cosine, [0.5]) == pytest.approx(0.1, rel=0.01)


def test_an_exponential_decay_multiplies_after_each_so_many_epochs() -> None:
    decay = stage(schedule=Schedule.EXPONENTIAL, decay_factor=0.5, decay_every_epochs=2, warmup_epochs=1)
    rates = [schedules.learning_rate(decay, [0.0] * epoch) for epoch in range(6)]
    assert rates == pytest.approx([0.1 / 3, 0.1, 0.1, 0.05, 0.05, 0.025])


def test_an_exponential_decay_never_goes_below_the_minimum() -> None:
    decay = stage(schedule=Schedule.EXPONENTIAL, minimum_learning_rate=0.04)
    assert schedules.learning_rate(decay, [0.0] * 9) == 0.04


def test_one_cycle_rises_over_three_tenths_and_falls_to_nearly_nothing() -> None:
    cycle = stage(schedule=Schedule.ONE_CYCLE, epochs=20)
    rates = [schedules.learning_rate(cycle, [0.0] * epoch) for epoch in range(20)]
    assert rates[:6] == sorted(rates[:6])
    assert rates[6:] == sorted(rates[6:], reverse=True)
    assert max(rates) == pytest.approx(0.1, rel=0.1)
    assert rates[0] < 0.02
    assert rates[-1] < 0.005


def test_a_plateau_divides_the_learning_rate_each_time_patience_ends() -> None:
    plateau = stage(schedule=Schedule.PLATEAU, plateau_factor=0.5, plateau_patience=2)
    scores = [0.5, 0.4, 0.5, 0.4, 0.3, 0.6, 0.5]
    rates = [schedules.learning_rate(plateau, scores[:epoch]) for epoch in range(len(scores) + 1)]
    assert rates == [0.1, 0.1, 0.1, 0.05, 0.05, 0.025, 0.025, 0.025]


def test_a_plateau_never_goes_below_the_minimum() -> None:
    plateau = stage(schedule=Schedule.PLATEAU, plateau_factor=0.01, plateau_patience=1, minimum_learning_rate=0.05)
    assert schedules.learning_rate(plateau, [0.5, 0.4, 0.3]) == 0.05


def test_a_stage_stops_when_nothing_gets_better() -> None:
    impatient = stage(stop_patience=2)
    assert not schedules.is_over(impatient, [])
    assert not schedules.is_over(impatient, [0.5, 0.4])
    assert schedules.is_over(impatient, [0.5, 0.4, 0.5])
    assert not schedules.is_over(stage(), [0.5, 0.4, 0.5])
    assert schedules.is_over(stage(), [0.5] * 10)


def test_a_small_change_does_not_keep_a_stage_going() -> None:
    impatient = stage(stop_patience=2, stop_minimum_change=0.1)
    assert schedules.is_over(impatient, [0.5, 0.55, 0.59])
    assert not schedules.is_over(impatient, [0.5, 0.55, 0.61])
    assert not schedules.is_over(impatient, [0.5, 0.59, 0.68, 0.7])


def test_the_first_of_equal_epochs_is_the_best() -> None:
    assert schedules.best_epoch([0.1, 0.5, 0.5]) == 1
    assert schedules.best_epoch([]) == -1
