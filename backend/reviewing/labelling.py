"""Labelling: what becomes of what people say about a photo.

Guarantees: a verdict counts only while its giver holds the photo, so none lands on something that has changed hands;
the same verdict sent twice is one; none is ever overwritten or lost: one that is taken back stays, with the word that
takes it back.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import func
from sqlmodel import Session, col, select

from backend import known_labels
from backend.database import now
from backend.errors import Conflict, DomainError
from backend.people.staff import Person
from backend.records import audit_log
from backend.review_weights import ReviewWeights
from backend.reviewing import opinions, reliability, review_checks, review_items, review_queue
from backend.reviewing.opinions import Decision, Evidence, ModelOpinion, ReviewerOpinion
from backend.settings import Settings
from backend.tables import (
    GoldCheck,
    Opinionated,
    Photo,
    PhotoId,
    PhotoSource,
    RejectReason,
    Review,
    ReviewClaim,
    ReviewVerdict,
)

UNDOABLE = 20
"""The last verdicts of a person that the person can take back."""


@dataclass(frozen=True)
class Verdict:
    """What a reviewer says. `label`: for agree the label that was shown, for relabel the right one, else nothing."""

    verdict: ReviewVerdict
    label: str | None = None
    reason: RejectReason | None = None


@dataclass(frozen=True)
class Told:
    """What a reviewer may know of a photo after the verdict, and not before."""

    in_random_share: bool
    check: GoldCheck | None
    """Where it was decided already."""


def give_verdict(session: Session, settings: Settings, person: Person, photo_id: PhotoId, given: Verdict) -> Decision:
    """Add the person's opinion and compute the gold label anew; of a check, only compare.

    Raise `Conflict` if the person does not hold the photo, or agrees with a label that is no longer the one shown.
    """
    photo = review_items.found_by(session, person, photo_id, lock=True)
    if _said_already(session, person, photo_id, given):
        review_queue.unclaim(session, person, photo_id)
        return _state(photo)
    review_items.check_reviewable(photo)
    claim = review_queue.check_held(session, person, photo_id)
    _check_verdict(session, photo, given)
    if claim.is_check and photo.gold_label is not None:
        review_checks.record(session, person, photo, given.verdict, given.label)
        decision = _state(photo)
    else:
        session.add(_review(session, settings, person, photo_id, given))
        decision = settle(session, photo)
    review_queue.unclaim(session, person, photo_id)
    _record(session, person, photo, given.verdict, given.label, given.reason)
    return decision


def told(session: Session, person: Person, photo_id: PhotoId) -> Told:
    """Return what the person may know of a photo that they gave a verdict on.

    A check of before is no news about a photo that was undecided again when they spoke last.
    """
    photo = review_items.found_by(session, person, photo_id)
    check, said = review_checks.newest(session, person, photo_id), _newest_about(session, person, photo_id)
    is_news = check is not None and (said is None or said.created_at < check.created_at)
    return Told(photo.in_random_share, check if is_news else None)


def undo(session: Session, settings: Settings, person: Person, photo_id: PhotoId) -> bool:
    """Take the person's newest opinion of a photo back, and let them hold it again unless somebody else does by now.

    Only the last `UNDOABLE` can be taken back. The same again is answered the same. Return whether the person holds it.
    """
    photo = review_items.found_by(session, person, photo_id, lock=True)
    review_items.check_reviewable(photo)
    said = _undoable(session, person, photo_id)
    if said is not None:
        session.add(Review(photo_id=photo_id, staff_id=person.id, verdict=ReviewVerdict.UNDO, takes_back=said.id))
        settle(session, photo)
        _record(session, person, photo, ReviewVerdict.UNDO, said.label, None)
    try:
        review_queue.claim_one(session, settings, person, photo_id)
    except Conflict:
        return False
    return True


def last_said(session: Session, person: Person) -> PhotoId | None:
    """Return the photo of the person's newest verdict that counts, if it can be taken back."""
    newest = _newest_of(session, person)
    taken_back = {row.takes_back for row in newest}
    standing = (row for row in newest if row.verdict != ReviewVerdict.UNDO and row.id not in taken_back)
    return next((PhotoId(row.photo_id) for row in standing), None)


def settle(session: Session, photo: Photo) -> Decision:
    """Write onto `photo`, which the caller has locked, what follows from all of its reviews."""
    session.flush()
    reviews = session.exec(select(Review).where(Review.photo_id == photo.id).order_by(col(Review.id))).all()
    decision = opinions.decide(_standing(reviews))
    if decision.gold_label != photo.gold_label:
        photo.gold_labelled_at = None if decision.gold_label is None else now()
    photo.gold_label = decision.gold_label
    imported = photo.source == PhotoSource.IMPORT and decision.gold_label is not None
    photo.gold_is_sure = decision.is_sure or imported
    photo.rejected_at = (photo.rejected_at or now()) if decision.rejected else None
    photo.rejected_as = decision.rejected_as
    photo.needs_second_opinion = decision.needs_second_opinion
    session.add(photo)
    session.flush()
    return decision


def revalue(session: Session, weights: ReviewWeights, photo: Photo) -> None:
    """Write onto `photo` what a review of it is worth now, and why; see `opinions.value_parts`."""
    gold = (
        select(Photo.gold_label, func.count()).where(col(Photo.gold_label).is_not(None)).group_by(col(Photo.gold_label))
    )
    counts = {label: number for label, number in session.exec(gold) if label is not None}
    photo.review_parts = opinions.value_parts(_evidence(session, photo), counts)
    photo.review_value = weights.value_of(photo.review_parts)
    session.add(photo)


def _evidence(session: Session, photo: Photo) -> Evidence:
    made = {row.made_by: ModelOpinion(row.label, row.scores) for row in review_items.predictions(session, photo.id)}
    newest = review_items.newest_correction(session, photo.id)
    correction = None if newest is None else newest.label
    return Evidence(
        made.get(Opinionated.PHONE),
        made.get(Opinionated.SERVER),
        correction,
        photo.novelty,
        reliability.trust_in_resident(session, photo.device_id, correction),
    )


def _standing(reviews: Sequence[Review]) -> list[ReviewerOpinion]:
    """Leave out what was taken back."""
    taken_back = {row.takes_back for row in reviews}
    return [
        ReviewerOpinion(row.staff_id, row.verdict, row.label, row.decides_alone)
        for row in reviews
        if row.verdict != ReviewVerdict.UNDO and row.id not in taken_back
    ]


def _review(session: Session, settings: Settings, person: Person, photo_id: PhotoId, given: Verdict) -> Review:
    return Review(
        photo_id=photo_id,
        staff_id=person.id,
        verdict=given.verdict,
        label=given.label,
        reason=given.reason,
        decides_alone=_decides_alone(session, settings, person, given.label),
    )


def _decides_alone(session: Session, settings: Settings, person: Person, label: str | None) -> bool:
    """A hazardous label needs two people, and so does every label of a person who is often wrong with it."""
    if label is None:
        return True
    if label in settings.labels_for_two:
        return False
    return reliability.of_reviewer_with(session, person.id, label).mean >= settings.reliability_floor


def _newest_of(session: Session, person: Person) -> Sequence[Review]:
    """The last `UNDOABLE` verdicts with what took some of them back, newest first."""
    mine = select(Review).where(Review.staff_id == person.id)
    return session.exec(mine.order_by(col(Review.id).desc()).limit(2 * UNDOABLE)).all()


def _undoable(session: Session, person: Person, photo_id: PhotoId) -> Review | None:
    """Return what is to be taken back; None where that has happened already; raise `Conflict` where it cannot be."""
    newest = _newest_of(session, person)
    said = [row for row in newest if row.verdict != ReviewVerdict.UNDO][:UNDOABLE]
    taken_back = {row.takes_back for row in newest}
    about_it = [row for row in said if row.photo_id == photo_id]
    standing = next((row for row in about_it if row.id not in taken_back), None)
    if standing is None and not about_it:
        if review_checks.newest(session, person, photo_id) is not None:
            raise Conflict("This one was a check: you have been told the answer.", code="was_check")
        raise Conflict(f"Only your last {UNDOABLE} verdicts can be taken back.", code="too_late_to_undo")
    return standing


def _said_already(session: Session, person: Person, photo_id: PhotoId, given: Verdict) -> bool:
    claim = session.get(ReviewClaim, photo_id, populate_existing=True)
    holds_for_real = claim is not None and claim.staff_id == person.id and not claim.is_check
    checked = None if holds_for_real else review_checks.newest(session, person, photo_id)
    newest = _newest_about(session, person, photo_id)
    said = {(row.verdict, row.label) for row in (newest,) if row is not None}
    if checked is not None:
        said.add((checked.verdict, checked.said))
    return (given.verdict, given.label) in said


def _newest_about(session: Session, person: Person, photo_id: PhotoId) -> Review | None:
    mine = select(Review).where(Review.photo_id == photo_id, Review.staff_id == person.id)
    return session.exec(mine.order_by(col(Review.id).desc()).limit(1)).one_or_none()


def _record(
    session: Session,
    person: Person,
    photo: Photo,
    verdict: ReviewVerdict,
    label: str | None,
    reason: RejectReason | None,
) -> None:
    detail = {"label": label, "gold": photo.gold_label} | ({"reason": reason} if reason else {})
    audit_log.record(session, person.name, f"review.{verdict}", f"photo/{photo.id}", **detail)


def _state(photo: Photo) -> Decision:
    return Decision(
        photo.gold_label,
        photo.rejected_at is not None,
        photo.needs_second_opinion,
        photo.rejected_as,
        photo.gold_is_sure,
    )


def _check_verdict(session: Session, photo: Photo, given: Verdict) -> None:
    takes_label = given.verdict in (ReviewVerdict.AGREE, ReviewVerdict.RELABEL)
    if given.verdict == ReviewVerdict.UNDO:
        raise DomainError("A verdict is taken back by a call of its own.", code="bad_verdict")
    if takes_label != (given.label is not None):
        detail = "needs the label" if takes_label else "takes no label"
        raise DomainError(f"The verdict {given.verdict} {detail}.", code="bad_verdict")
    if given.reason is not None and given.verdict != ReviewVerdict.REJECT:
        raise DomainError("Only a rejection has a reason.", code="bad_verdict")
    if given.label is not None:
        known_labels.check(known_labels.label_set(session), given.label)
    if given.verdict == ReviewVerdict.AGREE:
        shown = review_items.shown_label(session, photo.id)
        if shown != given.label:
            raise Conflict(f"The opinion shown is now {shown or 'none'}. Look again.", code="opinion_changed")
