"""Guides of cities: edited in versions, published when somebody says so.

Guarantees: a version is never changed; each edit makes the next one, and going back makes a new one, too. Who edits
from an older version is refused where somebody has changed the same piece since, and nothing of either is lost; changes
of different pieces add up. What phones are given (`wanted`) is the version published last, and a guide that leaves a
label without an answer is not published. Decisions about a city come one after another.
"""

import re
from collections.abc import Mapping, Sequence
from datetime import date, datetime

from sqlalchemy.exc import IntegrityError
from sqlmodel import Session, col, select
from sqlmodel.sql.expression import SelectOfScalar

from backend import known_labels, publisher
from backend.database import now
from backend.errors import Conflict, DomainError, NotFound, TooLarge
from backend.guides import guide_changes, guide_gaps
from backend.guides.guide_changes import Change, Piece
from backend.guides.guide_gaps import Gaps
from backend.people import staff
from backend.people.permissions import Permission
from backend.people.staff import Person
from backend.records import audit_log
from backend.tables import GuideCity, GuideVersion
from mobile_models.document import Sha256
from mobile_models.guide import EXAMPLE, SIZE_LIMIT_BYTES, Guide, LabelSetName

MOST_REASON = 500
_CITY = re.compile(r"[a-z][a-z0-9_]{0,39}")
_FIRST_START = "first start"


def cities(session: Session) -> Sequence[GuideCity]:
    return session.exec(select(GuideCity).order_by(GuideCity.city)).all()


def newest(session: Session, city: str) -> GuideVersion:
    """Return what is being worked on, published or not; raise `NotFound` for a city without a guide."""
    found = session.exec(_versions(city).limit(1)).first()
    if found is None:
        raise NotFound(f"There is no guide of {city}.")
    return found


def version(session: Session, city: str, number: int) -> GuideVersion:
    found = session.get(GuideVersion, (city, number))
    if found is None:
        raise NotFound(f"The guide of {city} has no version {number}.")
    return found


def published(session: Session, city: str) -> GuideVersion | None:
    row = session.get(GuideCity, city)
    if row is None:
        raise NotFound(f"There is no guide of {city}.")
    return None if row.published_number is None else version(session, city, row.published_number)


def history(session: Session, city: str, limit: int = 50, before: int | None = None) -> Sequence[GuideVersion]:
    """Return versions, newest first."""
    statement = _versions(city)
    if before is not None:
        statement = statement.where(col(GuideVersion.number) < before)
    return session.exec(statement.limit(limit)).all()


def guide_of(row: GuideVersion) -> Guide:
    return Guide.model_validate(row.content)


def gaps(session: Session, row: GuideVersion, day: date) -> Gaps:
    return guide_gaps.find(guide_of(row), known_labels.label_set(session), day)


def create(
    session: Session,
    person: Person,
    city: str,
    names: Mapping[str, str],
    languages: Sequence[str],
    like: Guide | None = None,
) -> GuideVersion:
    """Begin the guide of another city, where wanted with the bins and rules of another one."""
    staff.require(person, Permission.GUIDE)
    if _CITY.fullmatch(city) is None:
        raise DomainError(
            "A city is called by small letters, digits and '_', and begins with a letter.", code="bad_city"
        )
    labels = LabelSetName.of(known_labels.label_set(session))
    try:
        beginning = guide_changes.without_languages(like, tuple(languages)) if like else {}
        fields = {"city": city, "version": 1, "label_set": labels, "names": dict(names), "languages": tuple(languages)}
        guide = Guide.model_validate(beginning | fields)
    except ValueError as error:
        raise _refused(error) from error
    _add_city(session, city)
    return _write(session, guide, person.name, reason="", came_from=None)


def change(session: Session, person: Person, city: str, wanted: Change, *, based_on: int, reason: str) -> GuideVersion:
    """Raise `Conflict` (`edited_meanwhile`) if somebody has changed the same piece since the version `based_on`."""
    latest = _locked(session, person, city)
    seen = _piece(guide_of(version(session, city, based_on)), wanted)
    current = guide_of(latest)
    if _piece(current, wanted) not in (seen, wanted.piece):
        raise _edited_meanwhile(latest)
    try:
        guide = guide_changes.changed(current, wanted)
    except ValueError as error:
        raise _refused(error) from error
    return _next(session, person, latest, guide, reason)


def replace(session: Session, person: Person, guide: Guide, *, based_on: int, reason: str) -> GuideVersion:
    """Take a whole guide. Raise `Conflict` (`edited_meanwhile`) if there is a newer version than `based_on`."""
    latest = _locked(session, person, guide.city)
    if latest.number != based_on:
        raise _edited_meanwhile(latest)
    return _next(session, person, latest, guide, reason)


def change_city(
    session: Session, person: Person, city: str, names: Mapping[str, str], languages: Sequence[str], *, based_on: int
) -> GuideVersion:
    """Rename a city, or change the languages of its guide; texts in a language that goes are gone from then on."""
    latest = _locked(session, person, city)
    current, seen = guide_of(latest), guide_of(version(session, city, based_on))
    if (current.names, current.languages) != (seen.names, seen.languages):
        raise _edited_meanwhile(latest)
    fields = guide_changes.without_languages(current, tuple(languages))
    try:
        guide = guide_changes.altered(current, **(fields | {"names": dict(names), "languages": tuple(languages)}))
    except ValueError as error:
        raise _refused(error) from error
    return _next(session, person, latest, guide, "")


def go_back(session: Session, person: Person, city: str, number: int, reason: str) -> GuideVersion:
    """Make a new version with the content of an older one. Phones get it when it is published."""
    latest = _locked(session, person, city)
    return _next(session, person, latest, guide_of(version(session, city, number)), reason, came_from=number)


def publish(session: Session, person: Person, city: str, number: int, reason: str, moment: datetime) -> GuideVersion:
    """Give a city's newest version to phones. Raise `Conflict` if it is not the newest, or leaves labels unanswered."""
    latest = _locked(session, person, city)
    if not reason.strip():
        raise DomainError("Say why it is published.", code="reason_needed")
    if latest.number != number:
        raise _edited_meanwhile(latest)
    if latest.published_at is not None:
        raise Conflict(f"Version {number} is published already.", code="published_already")
    unanswered = gaps(session, latest, moment.date()).unanswered
    if unanswered:
        raise Conflict(f"No rule says where these go: {', '.join(unanswered)}.", code="labels_unanswered")
    _publish(session, latest, person.name, reason, moment)
    return latest


def wanted(session: Session) -> dict[str, bytes]:
    """Return the guides that phones should be given, by city."""
    rows = session.exec(
        select(GuideVersion)
        .join(GuideCity, col(GuideCity.city) == GuideVersion.city)
        .where(GuideCity.published_number == GuideVersion.number)
    ).all()
    return {row.city: guide_of(row).to_bytes() for row in rows}


def settle(session: Session, reached: Mapping[str, Sha256], moment: datetime) -> None:
    """Write down which published versions phones can get now."""
    for row in cities(session):
        current = published(session, row.city)
        if current is None or current.reached_at is not None:
            continue
        if guide_of(current).digest == reached.get(row.city):
            current.reached_at = moment
            session.add(current)


def load_example(session: Session) -> bool:
    """Publish the example city's guide where there is no guide yet, and it knows the labels; return whether."""
    guide = Guide.read(EXAMPLE)
    labels = known_labels.label_set(session)
    if cities(session) or not set(labels.ids) <= {label.id for label in guide.labels}:
        return False
    _add_city(session, guide.city)
    row = _write(session, guide_changes.for_labels(guide, labels), _FIRST_START, reason="", came_from=None)
    _publish(session, row, _FIRST_START, "The example that comes with the program.", now())
    return True


def _versions(city: str) -> SelectOfScalar[GuideVersion]:
    return select(GuideVersion).where(GuideVersion.city == city).order_by(col(GuideVersion.number).desc())


def _locked(session: Session, person: Person, city: str) -> GuideVersion:
    """Let nobody else decide about this city until the transaction ends; return its newest version."""
    staff.require(person, Permission.GUIDE)
    if session.get(GuideCity, city, with_for_update=True, populate_existing=True) is None:
        raise NotFound(f"There is no guide of {city}.")
    return newest(session, city)


def _add_city(session: Session, city: str) -> None:
    try:
        with session.begin_nested():
            session.add(GuideCity(city=city))
    except IntegrityError:
        raise Conflict(f"There is a guide of {city} already.", code="city_taken") from None


def _next(
    session: Session, person: Person, latest: GuideVersion, guide: Guide, reason: str, came_from: int | None = None
) -> GuideVersion:
    """Write the next version; what changes nothing makes none."""
    labels = LabelSetName.of(known_labels.label_set(session))
    numbered = guide.model_copy(update={"version": latest.number, "label_set": guide_of(latest).label_set})
    if numbered == guide_of(latest):
        return latest
    return _write(
        session,
        guide.model_copy(update={"version": latest.number + 1, "label_set": labels}),
        person.name,
        reason=reason,
        came_from=came_from,
    )


def _write(session: Session, guide: Guide, by: str, *, reason: str, came_from: int | None) -> GuideVersion:
    if len(guide.to_bytes()) > SIZE_LIMIT_BYTES:
        raise TooLarge(f"A guide may have {SIZE_LIMIT_BYTES // 1024} KiB.", code="guide_too_large")
    reason = reason.strip()[:MOST_REASON]
    row = GuideVersion(
        city=guide.city,
        number=guide.version,
        content=guide.model_dump(mode="json"),
        made_by=by,
        reason=reason,
        came_from=came_from,
    )
    session.add(row)
    session.flush()
    audit_log.record(
        session, by, "guide.edited", _subject(guide.city), version=row.number, reason=reason, came_from=came_from
    )
    return row


def _publish(session: Session, row: GuideVersion, by: str, reason: str, moment: datetime) -> None:
    city = session.get_one(GuideCity, row.city)
    city.published_number = row.number
    row.published_at, row.published_by, row.publish_reason = moment, by, reason.strip()[:MOST_REASON]
    session.add_all([city, row])
    session.flush()
    audit_log.record(session, by, "guide.published", _subject(row.city), version=row.number, reason=row.publish_reason)
    publisher.ask(session)


def _piece(guide: Guide, wanted: Change) -> Piece | None:
    return guide_changes.pieces(guide, wanted.part).get(wanted.piece_id)


def _subject(city: str) -> str:
    return f"guide/{city}"


def _edited_meanwhile(latest: GuideVersion) -> Conflict:
    return Conflict(
        f"{latest.made_by} has made version {latest.number} meanwhile. Look at it, and send yours again.",
        code="edited_meanwhile",
    )


def _refused(error: ValueError) -> DomainError:
    return DomainError(f"This is no guide: {error}", code="guide_refused")
