"""What the review pages show of a photo, in the words of the reader.

Guarantees: nothing in it tells whether a photo is a check or was drawn by chance.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlmodel import Session

from backend import known_labels
from backend.console import label_names
from backend.console.language import Language
from backend.console.pages import _
from backend.people.staff import Person
from backend.reviewing import reliability
from backend.reviewing.labelling import Told
from backend.reviewing.neighbours import Neighbour, Neighbours
from backend.reviewing.opinions import Decision
from backend.reviewing.reliability import Reliability
from backend.reviewing.review_items import Item
from backend.settings import Settings
from backend.tables import CorrectionReason, Opinionated, Photo, PhotoId, RejectReason, ReviewVerdict
from mobile_models.label_set import UNSURE, LabelSet

KEYS = "1234567890acdefhijklpqvxyABCDEFGHIJKLMNOPQRSTUVWXYZ"
"""Of the labels, in their order; the letters that are missing are commands."""
REASONS = {
    "uncertainty": _("The model is unsure"),
    "models_disagree": _("Phone and server disagree"),
    "resident_disagrees": _("The resident disagrees"),
    "rarity": _("Rare class"),
    "novelty": _("Unlike what the model knows"),
}
VERDICTS = {
    ReviewVerdict.REJECT: _("Rejected"),
    ReviewVerdict.NOT_WASTE: _("Not waste"),
    ReviewVerdict.BAD_PHOTO: _("Bad photo"),
    ReviewVerdict.SEVERAL_THINGS: _("Several things"),
    ReviewVerdict.UNSURE: _("Unsure"),
    ReviewVerdict.SECOND_OPINION: _("Second opinion"),
}
REJECT_REASONS = {
    RejectReason.PERSON: _("A person can be recognised"),
    RejectReason.PRIVATE: _("A name, address or number plate"),
    RejectReason.OFFENSIVE: _("Offensive"),
    RejectReason.OTHER: _("Another reason"),
}
CORRECTION_REASONS = {
    CorrectionReason.WRONG_MATERIAL: _("Looks like another material"),
    CorrectionReason.SEVERAL_MATERIALS: _("Several materials"),
    CorrectionReason.SEVERAL_THINGS: _("Several things"),
    CorrectionReason.DIRTY_OR_WET: _("Dirty or wet"),
    CorrectionReason.BAD_PHOTO: _("Bad photo"),
    CorrectionReason.NONE_FITS: _("No label fits"),
}
"""Why residents correct."""


@dataclass(frozen=True)
class Answer:
    """A label that can be given, and its key; none where all keys are taken."""

    label: str
    name: str
    key: str


@dataclass(frozen=True)
class Said:
    """What a model or the resident said."""

    who: str
    name: str
    score: float | None
    why: str = ""


@dataclass(frozen=True)
class View:
    photo_id: PhotoId
    expires_at: datetime | None
    received_at: datetime
    width: int
    height: int
    shown: Answer | None
    said: tuple[Said, ...]
    reasons: tuple[str, ...]
    resident: Reliability | None
    """How often this resident was right with what they say now."""
    neighbours: tuple[Neighbour, ...]


def answers(language: Language, labels: LabelSet) -> list[Answer]:
    keys = KEYS.ljust(len(labels.ids))
    names = label_names.of(language, labels)
    return [Answer(label, name, key.strip()) for (label, name), key in zip(names.items(), keys, strict=False)]


def views(
    session: Session,
    settings: Settings,
    person: Person,
    language: Language,
    held: Sequence[Item],
    near: Neighbours | None,
    labels: LabelSet,
) -> list[View]:
    """Return what is shown of these photos, in this order; without `near`, no photos that look alike."""
    possible = {each.label: each for each in answers(language, labels)}
    return [_view(session, settings, person, language, item, near, possible) for item in held]


def _view(
    session: Session,
    settings: Settings,
    person: Person,
    language: Language,
    item: Item,
    near: Neighbours | None,
    possible: dict[str, Answer],
) -> View:
    photo = session.get_one(Photo, item.photo_id)
    return View(
        photo_id=item.photo_id,
        expires_at=item.expires_at,
        received_at=item.received_at,
        width=item.width,
        height=item.height,
        shown=possible.get(item.shown_label or ""),
        said=tuple(_said(language, item, possible)),
        reasons=tuple(_reasons(settings, language, item)),
        resident=_resident(session, photo, item.correction),
        neighbours=near.of(session, person, photo) if near else (),
    )


def _reasons(settings: Settings, language: Language, item: Item) -> list[str]:
    texts = [REASONS[name] for name in settings.review_weights.reasons(item.review_parts)]
    if item.needs_second_opinion:
        texts.insert(0, _("Needs a second opinion"))
    return [language.texts.gettext(text) for text in texts or [_("Next in line")]]


def _said(language: Language, item: Item, possible: dict[str, Answer]) -> list[Said]:
    def name(label: str) -> str:
        text = _("Unsure") if label == UNSURE else possible[label].name if label in possible else label
        return language.texts.gettext(text)

    makers = {Opinionated.PHONE: _("Phone"), Opinionated.SERVER: _("Server")}
    newest = {row.made_by: row for row in item.predictions}
    said = [
        Said(language.texts.gettext(who), name(newest[maker].label), max(newest[maker].scores.values(), default=None))
        for maker, who in makers.items()
        if maker in newest
    ]
    if item.correction is not None:
        why = (
            "" if item.correction_reason is None else language.texts.gettext(CORRECTION_REASONS[item.correction_reason])
        )
        said.append(Said(language.texts.gettext(_("Resident")), name(item.correction), None, why))
    return said


def _resident(session: Session, photo: Photo, correction: str | None) -> Reliability | None:
    if photo.device_id is None or correction is None:
        return None
    return reliability.of_resident(session, photo.device_id).get(correction)


def outcome(session: Session, language: Language, decision: Decision, told: Told) -> tuple[str, str]:
    """Return what is said after a verdict, and its kind: good, warn, or nothing."""
    text, known = language.texts.gettext, label_names.of(language, known_labels.label_set(session))
    if told.check is not None:
        if told.check.is_right:
            return text(_("That was a check, and you were right.")), "good"
        name = known.get(told.check.expected, told.check.expected)
        return text(_("That was a check. It is %(label)s.")) % {"label": name}, "warn"
    said = _kept(language, decision, known)
    if told.in_random_share:
        said += " " + text(_("It was drawn by chance, to measure the model in the field."))
    return said, ""


def _kept(language: Language, decision: Decision, known: dict[str, str]) -> str:
    text = language.texts.gettext
    if decision.gold_label is not None:
        return text(_("Kept as %(label)s.")) % {"label": known.get(decision.gold_label, decision.gold_label)}
    if decision.rejected:
        why = text(VERDICTS[decision.rejected_as or ReviewVerdict.REJECT])
        return text(_("Left out: %(why)s.")) % {"why": why}
    return text(_("Somebody else will look at it, too."))
