"""The gate: may this challenger replace the champion?

Guarantees: it passes on evidence only. It blocks on a missing report, reports on different holdouts, a missed floor, or
a significant paired loss, overall or in one class, and says which in plain words. Chance alone blocks an equally good
challenger in fewer than `alpha` of all cases: the tests are exact and their p-values Holm-corrected together.
"""

from collections.abc import Mapping

from scipy.stats import binomtest

from mobile_models.evaluation import Answer, Blessing, EvaluationReport, GatePolicy, Verdict


def judge(
    challenger: EvaluationReport | None, champion: EvaluationReport | None, policy: GatePolicy, *, has_champion: bool
) -> Blessing:
    """Return the decision. `has_champion` says whether a champion's report has to be there."""
    if challenger is None:
        return _blocked(("there is no evaluation report of the challenger",), challenger, champion)
    if has_champion and champion is None:
        return _blocked(("there is no evaluation report of the champion on this holdout",), challenger, champion)
    reasons = list(_missed_floors(challenger, policy))
    p_values: dict[str, float] = {}
    if champion is not None:
        mismatch = _mismatch(challenger, champion)
        if mismatch:
            return _blocked((mismatch,), challenger, champion)
        p_values = holm(paired_losses(challenger, champion))
        reasons += [_loss(name, p_value) for name, p_value in p_values.items() if p_value < policy.alpha]
    if reasons:
        return _blocked(tuple(reasons), challenger, champion, p_values)
    return Blessing(
        verdict=Verdict.PASSED,
        reasons=(_why_it_passed(challenger, champion),),
        challenger=challenger.digest,
        champion=None if champion is None else champion.digest,
        rubber_stamped=champion is None,
        p_values=p_values,
    )


def paired_losses(challenger: EvaluationReport, champion: EvaluationReport) -> dict[str, float]:
    """Return the p-value that the challenger is no worse, one-sided: overall, and recall and precision per class.

    Exact McNemar tests (McNemar 1947) on the photos that only one of the two got right. Recall of a class pairs the
    photos of that class; precision pairs the photos of all other classes, counting who wrongly calls them by its name
    (what it loses in hits, recall shows). Labels that the champion does not know have floors only.
    """
    pairs = _pairs(challenger, champion)
    tests = {"overall": _sign_test([(new.predicted == new.label, old.predicted == old.label) for new, old in pairs])}
    for label in champion.label_set.ids:
        own = [(new, old) for new, old in pairs if new.label == label]
        other = [(new, old) for new, old in pairs if new.label != label and new.label in champion.label_set.ids]
        tests[f"recall of {label}"] = _sign_test([(new.predicted == label, old.predicted == label) for new, old in own])
        tests[f"precision of {label}"] = _sign_test(
            [(new.predicted != label, old.predicted != label) for new, old in other]
        )
    return tests


def holm(p_values: Mapping[str, float]) -> dict[str, float]:
    """Return p-values adjusted for testing all of them (Holm 1979)."""
    adjusted: dict[str, float] = {}
    highest = 0.0
    for rank, (name, p_value) in enumerate(sorted(p_values.items(), key=lambda item: item[1])):
        highest = max(highest, min(1.0, p_value * (len(p_values) - rank)))
        adjusted[name] = highest
    return {name: adjusted[name] for name in p_values}


def _sign_test(right: list[tuple[bool, bool]]) -> float:
    """p-value of as many or more losses of the first against the second, if both were equally good."""
    lost = sum(old and not new for new, old in right)
    won = sum(new and not old for new, old in right)
    return float(binomtest(lost, lost + won, 0.5, alternative="greater").pvalue) if lost + won else 1.0


def _pairs(challenger: EvaluationReport, champion: EvaluationReport) -> list[tuple[Answer, Answer]]:
    known = set(champion.label_set.ids)
    old = {answer.photo: answer for answer in champion.answers}
    return [(answer, old[answer.photo]) for answer in challenger.answers if answer.label in known]


def _mismatch(challenger: EvaluationReport, champion: EvaluationReport) -> str | None:
    if challenger.holdout != champion.holdout:
        return "the two reports are about different holdouts; measure the champion again on this one"
    if not challenger.label_set.extends(champion.label_set):
        return "the challenger's label set does not extend the champion's"
    if _asked(challenger, champion) != _asked(champion, champion):
        return "the two reports do not answer for the same photos"
    return None


def _asked(report: EvaluationReport, champion: EvaluationReport) -> set[tuple[str, str]]:
    """The photos, with gold labels, that both must have answered."""
    return {(answer.photo, answer.label) for answer in report.answers if answer.label in champion.label_set.ids}


def _missed_floors(report: EvaluationReport, policy: GatePolicy) -> list[str]:
    missed = []
    if report.float_operators:
        missed.append(f"the model computes in float: {', '.join(report.float_operators)}")
    for label in report.label_set.ids:
        metrics = report.per_class.get(label)
        if metrics is None or metrics.support < policy.minimum_photos_per_class:
            found = 0 if metrics is None else metrics.support
            missed.append(f"only {found} photos of {label} in the holdout, {policy.minimum_photos_per_class} needed")
            continue
        if metrics.recall < policy.minimum_recall:
            missed.append(f"recall of {label} {metrics.recall:.3f} is below its floor {policy.minimum_recall}")
        if metrics.precision < policy.minimum_precision:
            missed.append(f"precision of {label} {metrics.precision:.3f} is below its floor {policy.minimum_precision}")
    return missed


def _loss(name: str, p_value: float) -> str:
    what = "accuracy" if name == "overall" else name
    return f"significantly worse than the champion in {what} (p = {p_value:.4f}, Holm-corrected)"


def _why_it_passed(challenger: EvaluationReport, champion: EvaluationReport | None) -> str:
    measured = f"accuracy {challenger.accuracy:.3f} on {len(challenger.answers)} photos, all floors reached"
    if champion is None:
        return f"{measured}; there was no champion to beat"
    return f"{measured}; no significant loss against the champion's {champion.accuracy:.3f}"


def _blocked(
    reasons: tuple[str, ...],
    challenger: EvaluationReport | None,
    champion: EvaluationReport | None,
    p_values: dict[str, float] | None = None,
) -> Blessing:
    return Blessing(
        verdict=Verdict.BLOCKED,
        reasons=reasons,
        challenger=None if challenger is None else challenger.digest,
        champion=None if champion is None else champion.digest,
        rubber_stamped=False,
        p_values=p_values or {},
    )
