"""What the evidence about a rollout says, in plain words: why it holds, widens or is halted.

Guarantees: the words are made from the figures of a judgement (`field_evidence`) and the settings that it was
judged by, in the language of the reader.
"""

from collections.abc import Iterator
from datetime import timedelta

from backend.console.language import Language
from backend.console.pages import _
from backend.database import now
from backend.evidence.field_evidence import Judgement, Verdict
from backend.evidence.sequential_test import Sample
from backend.settings import Settings
from backend.tables import Rollout


def sentences(language: Language, settings: Settings, rollout: Rollout, judgement: Judgement) -> list[str]:
    if rollout.started_at is None:
        return [language.texts.gettext("It is not published yet, so nothing is known.")]
    found = _halting(settings, judgement) if judgement.verdict == Verdict.HALT else _waiting(settings, judgement)
    shown = _figures(language, settings, judgement) | {"days": _days(language, rollout)}
    return [language.texts.gettext(text) % shown for text in (*found, _RATES)]


_RATES = _("On its side %(mine)s of the answers are corrected, on the other side, on the same days, %(theirs)s.")


def _halting(settings: Settings, judgement: Judgement) -> Iterator[str]:
    if judgement.failures_p_value <= settings.halt_alpha:
        yield _("%(failed)s of %(phones)s phones met a failure; %(tolerated)s are tolerated (p = %(failures_p)s).")
    if judgement.harm_p_value <= settings.halt_alpha:
        yield _("It is corrected more often than is tolerated, and chance does not explain it (p = %(harm_p)s).")
    if judgement.passed == 0:
        yield _("No phone has passed its self-tests.")


def _waiting(settings: Settings, judgement: Judgement) -> Iterator[str]:
    is_harmless = judgement.harmless_p_value <= settings.widen_alpha
    if judgement.verdict == Verdict.WIDEN and not is_harmless:
        yield _("It has been at this step for %(days)s days without a sign of harm.")
    elif judgement.answers_at_step < settings.widen_answers_needed:
        yield _("%(answers)s of %(needed)s answers that are needed at this step have come in.")
    elif is_harmless:
        yield _("It is not worse by %(margin)s or more (p = %(harmless_p)s).")
    else:
        yield _("It is not sure yet that it is worse by less than %(margin)s (p = %(harmless_p)s).")


def _days(language: Language, rollout: Rollout) -> str:
    stayed = now() - (rollout.stage_started_at or now())
    return language.number(round(stayed / timedelta(days=1), 1))


def _figures(language: Language, settings: Settings, judgement: Judgement) -> dict[str, str]:
    number, percent = language.number, language.percent

    def rate(sample: Sample) -> str:
        return "–" if sample.rate is None else percent(sample.rate)

    def p(value: float) -> str:
        return number(float(f"{value:.2g}"))

    return {
        "mine": rate(judgement.cohort),
        "theirs": rate(judgement.others),
        "failed": number(judgement.failed),
        "phones": number(judgement.passed + judgement.failed),
        "tolerated": percent(settings.tolerated_failure_fraction),
        "answers": number(judgement.answers_at_step),
        "needed": number(settings.widen_answers_needed),
        "margin": percent(settings.widen_margin_fraction),
        "failures_p": p(judgement.failures_p_value),
        "harm_p": p(judgement.harm_p_value),
        "harmless_p": p(judgement.harmless_p_value),
    }
