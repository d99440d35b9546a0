"""Labelling: what becomes of what people say about a photo.

Guarantees: a verdict counts only while its giver holds the photo, so none lands on something that has changed hands;
the same verdict sent twice is one; none is ever overwritten or lost.
"""

from dataclasses import dataclass

from sqlalchemy import func
from sqlmodel import Session, col, select

from backend import audit_log, known_labels, opinions, review_queue
from backend.database import now
from backend.errors import Conflict, DomainError
from backend.opinions import Decision, Evidence, ModelOpinion, ReviewerOpinion
from backend.staff import Person
from backend.tables import Opinionated, Photo, PhotoId, Review, ReviewVerdict


@dataclass(frozen=True)
class Verdict:
    """What a reviewer says. `label`: for agree the label that was shown, for relabel the right one, else nothing."""

    verdict: ReviewVerdict
    label: str | None = None


def give_verdict(session: Session, person: Person, photo_id: PhotoId, given: Verdict) -> Decision:
    """Add the person's opinion and compute the gold label anew.

    Raise `Conflict` if the person does not hold the photo, or agrees with a label that is no longer the one shown.
    """
    photo = review_queue.found_by(session, person, photo_id, lock=True)
    if _said_already(session, person, photo_id, given):
        review_queue.unclaim(session, person, photo_id)
        return _state(photo)
    review_queue.check_reviewable(photo)
    review_queue.check_held(session, person, photo_id)
    _check_verdict(session, photo, given)
    session.add(Review(photo_id=photo_id, staff_id=person.id, verdict=given.verdict, label=given.label))
    decision = settle(session, photo)
    review_queue.unclaim(session, person, photo_id)
    audit_log.record(
        session,
        person.name,
        f"review.{given.verdict}",
        f"photo/{photo_id}",
        label=given.label,
        gold=decision.gold_label,
    )
    return decision


def settle(session: Session, photo: Photo) -> Decision:
    """Write onto `photo`, which the caller has locked, what follows from all of its reviews."""
    session.flush()
    reviews = session.exec(select(Review).where(Review.photo_id == photo.id).order_by(col(Review.id))).all()
    decision = opinions.decide([ReviewerOpinion(row.staff_id, row.verdict, row.label) for row in reviews])
    if decision.gold_label != photo.gold_label:
        photo.gold_labelled_at = None if decision.gold_label is None else now()
    photo.gold_label = decision.gold_label
    photo.rejected_at = (photo.rejected_at or now()) if decision.rejected else None
    photo.needs_second_opinion = decision.needs_second_opinion
    session.add(photo)
    session.flush()
    return decision


def value_for_review(session: Session, photo: Photo) -> float:
    """Return what a review of `photo` is worth now; see `opinions.review_value`."""
    gold = (
        select(Photo.gold_label, func.count()).where(col(Photo.gold_label).is_not(None)).group_by(col(Photo.gold_label))
    )
    counts = {label: number for label, number in session.exec(gold) if label is not None}
    return opinions.review_value(_evidence(session, photo.id), counts)


def _evidence(session: Session, photo_id: str) -> Evidence:
    made = {row.made_by: ModelOpinion(row.label, row.scores) for row in review_queue.predictions(session, photo_id)}
    return Evidence(
        made.get(Opinionated.PHONE), made.get(Opinionated.SERVER), review_queue.newest_correction(session, photo_id)
    )


def _said_already(session: Session, person: Person, photo_id: PhotoId, given: Verdict) -> bool:
    mine = select(Review).where(Review.photo_id == photo_id, Review.staff_id == person.id)
    newest = session.exec(mine.order_by(col(Review.id).desc()).limit(1)).one_or_none()
    return newest is not None and (newest.verdict, newest.label) == (given.verdict, given.label)


def _state(photo: Photo) -> Decision:
    return Decision(photo.gold_label, photo.rejected_at is not None, photo.needs_second_opinion)


def _check_verdict(session: Session, photo: Photo, given: Verdict) -> None:
    takes_label = given.verdict in (ReviewVerdict.AGREE, ReviewVerdict.RELABEL)
    if takes_label != (given.label is not None):
        detail = "needs the label" if takes_label else "takes no label"
        raise DomainError(f"The verdict {given.verdict} {detail}.", code="bad_verdict")
    if given.label is not None:
        known_labels.check(known_labels.label_set(session), given.label)
    if given.verdict == ReviewVerdict.AGREE:
        shown = review_queue.shown_label(session, photo.id)
        if shown != given.label:
            raise Conflict(f"The opinion shown is now {shown or 'none'}. Look again.", code="opinion_changed")
