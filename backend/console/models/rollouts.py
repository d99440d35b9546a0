"""`/console/models/rollouts` and `/console/models/channels`: a release on its way to the phones, and back.

Guarantees: halting takes one click and no typing; why can be said afterwards. What a curve shows is of many phones
together: days with fewer than the settings ask for are left out.
"""

from collections.abc import Callable
from datetime import date
from typing import Annotated, Any

from fastapi import APIRouter, Form, Response
from sqlmodel import Session

from backend.api.dependencies import Parts, PartsOfServer, transaction_of
from backend.console import pages
from backend.console.language import Language
from backend.console.models import rollout_curves, rollout_words, words
from backend.console.models.overview import MODELS
from backend.console.visitor import Engineer, Visitor
from backend.database import RowNumber, Text, now
from backend.errors import DomainError
from backend.evidence import field_evidence, field_figures
from backend.evidence.field_figures import DayFigures
from backend.records import audit_log
from backend.releasing import channels, release_history, releases, retreat, rollouts
from backend.rollout_plan import RolloutPlan
from backend.settings import Settings
from backend.tables import OPEN_ROLLOUT, ReleaseState, Rollout, RolloutState
from mobile_models.updates.update_channel import DownloadConditions

router = APIRouter(include_in_schema=False)
ROLLOUTS, CHANNELS = f"{MODELS}/rollouts", f"{MODELS}/channels"
IN_A_HURRY = "halted in the console; no reason given yet"
Reason = Annotated[Text, Form(max_length=500)]


@router.get(f"{ROLLOUTS}/{{rollout_id}}")
def one(rollout_id: RowNumber, visitor: Engineer, parts: PartsOfServer) -> Response:
    return _page(visitor, parts, rollout_id)


@router.get(f"{ROLLOUTS}/{{rollout_id}}/live")
def live(rollout_id: RowNumber, visitor: Engineer, parts: PartsOfServer, state: RolloutState) -> Response:
    """The part that changes; where the rollout is no longer in `state`, the whole page is loaded again."""
    with transaction_of(parts) as session:
        rollout = rollouts.find(session, rollout_id)
        shown = _shown(session, visitor.language, parts.settings, rollout)
    page = pages.render("models/rollout_live.html", visitor, parts.settings, **shown)
    if rollout.state != state:
        page.headers["HX-Refresh"] = "true"
    return page


@router.post(f"{ROLLOUTS}/{{rollout_id}}/halt")
def halt(rollout_id: RowNumber, visitor: Engineer, parts: PartsOfServer, reason: Reason = "") -> Response:
    """One click. Phones go back at their next check."""
    said = visitor.language.texts.gettext("Halted. Phones go back at their next check.")
    return _act(visitor, parts, rollout_id, reason or IN_A_HURRY, rollouts.halt, said)


@router.post(f"{ROLLOUTS}/{{rollout_id}}/explain")
def explain(rollout_id: RowNumber, visitor: Engineer, parts: PartsOfServer, reason: Reason) -> Response:
    said = visitor.language.texts.gettext("The reason is kept.")
    return _act(visitor, parts, rollout_id, reason, rollouts.explain, said)


@router.post(f"{ROLLOUTS}/{{rollout_id}}/pause")
def pause(rollout_id: RowNumber, visitor: Engineer, parts: PartsOfServer, reason: Reason = "") -> Response:
    said = visitor.language.texts.gettext("It stays as wide as it is.")
    return _act(visitor, parts, rollout_id, reason, rollouts.pause, said)


@router.post(f"{ROLLOUTS}/{{rollout_id}}/resume")
def resume(rollout_id: RowNumber, visitor: Engineer, parts: PartsOfServer, reason: Reason = "") -> Response:
    said = visitor.language.texts.gettext("The rollout goes on.")
    return _act(visitor, parts, rollout_id, reason, rollouts.resume, said)


@router.post(f"{ROLLOUTS}/{{rollout_id}}/widen")
def widen(
    rollout_id: RowNumber,
    visitor: Engineer,
    parts: PartsOfServer,
    percent: Annotated[float, Form(gt=0, le=100)],
    reason: Reason = "",
) -> Response:
    def act(session: Session, actor: str, rollout: Rollout, why: str) -> Rollout:
        return rollouts.widen(session, actor, rollout, percent, why)

    said = visitor.language.texts.gettext("More phones are offered it from now on.")
    return _act(visitor, parts, rollout_id, reason, act, said)


@router.get(f"{CHANNELS}/{{name}}")
def channel(name: Text, visitor: Engineer, parts: PartsOfServer) -> Response:
    return _channel(visitor, parts, name)


@router.post(f"{CHANNELS}/{{name}}/go-back")
def go_back(
    name: Text, visitor: Engineer, parts: PartsOfServer, version: Annotated[RowNumber, Form()], reason: Reason
) -> Response:
    return _retreat(
        visitor, parts, name, lambda session, actor: retreat.to_release(session, actor, name, version, reason)
    )


@router.post(f"{CHANNELS}/{{name}}/return-to-bundled")
def return_to_bundled(name: Text, visitor: Engineer, parts: PartsOfServer, reason: Reason) -> Response:
    return _retreat(visitor, parts, name, lambda session, actor: retreat.to_bundled(session, actor, name, reason))


@router.post(f"{CHANNELS}/{{name}}/end-return-to-bundled")
def end_return(name: Text, visitor: Engineer, parts: PartsOfServer, reason: Reason = "") -> Response:
    return _retreat(visitor, parts, name, lambda session, actor: retreat.end(session, actor, name, reason))


def _act(
    visitor: Visitor,
    parts: Parts,
    rollout_id: int,
    reason: str,
    act: Callable[[Session, str, Rollout, str], Rollout],
    said: str,
) -> Response:
    try:
        with transaction_of(parts) as session:
            act(session, visitor.person.name, rollouts.find(session, rollout_id), reason.strip())
    except DomainError as refused:
        return _page(visitor, parts, rollout_id, refused)
    return pages.redirect(f"{ROLLOUTS}/{rollout_id}", said=said)


def _retreat(visitor: Visitor, parts: Parts, name: str, act: Callable[[Session, str], object]) -> Response:
    try:
        with transaction_of(parts) as session:
            act(session, visitor.person.name)
    except DomainError as refused:
        return _channel(visitor, parts, name, refused)
    said = visitor.language.texts.gettext("Phones obey at their next check.")
    return pages.redirect(f"{CHANNELS}/{name}", said=said)


def _page(visitor: Visitor, parts: Parts, rollout_id: int, refused: DomainError | None = None) -> Response:
    with transaction_of(parts) as session:
        rollout = rollouts.find(session, rollout_id)
        shown = _shown(session, visitor.language, parts.settings, rollout)
        events = [
            event
            for event in reversed(audit_log.history(session, f"release/{rollout.version}"))
            if event.detail.get("rollout") == rollout_id
        ]
    return pages.render(
        "models/rollout.html",
        visitor,
        parts.settings,
        status=refused.status if refused else 200,
        problem=words.said(visitor.language, refused) if refused else "",
        events=events,
        in_a_hurry=rollout.reason == IN_A_HURRY,
        hurried=IN_A_HURRY,
        **shown,
    )


def _shown(session: Session, language: Language, settings: Settings, rollout: Rollout) -> dict[str, Any]:
    plan = RolloutPlan.of(rollout.plan)
    is_open = rollout.state in OPEN_ROLLOUT
    figures = field_figures.of_release(session, rollout.version, settings.smallest_cell_phones)
    days = [day for day in figures.days if day.channel == rollout.channel]
    others = _others(session, settings, rollout, {day.day for day in days})
    since = rollout.stage_started_at
    judgement = field_evidence.judge(session, settings, rollout, now()) if is_open else None
    return {
        "rollout": rollout,
        "plan": plan,
        "conditions": DownloadConditions(**rollout.conditions),
        "is_open": is_open,
        "next_percent": plan.next_percent(rollout.rollout_percent) if is_open else None,
        "next_at": since + plan.stay(rollout.rollout_percent) if since and is_open else None,
        "judgement": judgement,
        "sentences": rollout_words.sentences(language, settings, rollout, judgement) if judgement else (),
        "figures": figures,
        "adoption": rollout_curves.adoption(language, days, others),
        "corrections": rollout_curves.corrections(language, days, others),
        **words.tables(),
    }


def _others(session: Session, settings: Settings, rollout: Rollout, days: set[date]) -> list[DayFigures]:
    """Return the same days of the release that everybody else runs."""
    if rollout.came_from is None:
        return []
    figures = field_figures.of_release(session, rollout.came_from, settings.smallest_cell_phones)
    return [each for each in figures.days if each.channel == rollout.channel and each.day in days]


def _channel(visitor: Visitor, parts: Parts, name: str, refused: DomainError | None = None) -> Response:
    with transaction_of(parts) as session:
        row = channels.find(session, name)
        older = [
            release.version
            for release in releases.newest(session)
            if release.state == ReleaseState.PUBLISHED
            and release.version < (row.current_version or 0)
            and (release.retired_at is None or release.training_run_id is None)
        ]
        periods = list(reversed(release_history.periods(session, name)))
        rollout = channels.open_rollout(session, name)
    return pages.render(
        "models/channel.html",
        visitor,
        parts.settings,
        status=refused.status if refused else 200,
        problem=words.said(visitor.language, refused) if refused else "",
        channel=row,
        rollout=rollout,
        older=older,
        periods=periods[:30],
        **words.tables(),
    )
