"""Lists of photos for others: rows without identities.

Guarantees: no row tells a device, a group of photos of one device, or who reviewed. Places are no finer than the
resident chose. A public list has no ids, no notes and no exact dates or positions either, and is k-anonymous (Sweeney
2002) by place and month: a place in a month in which fewer than `k` devices sent photos stands without its place, and
what is then still fewer stands without both.
"""

from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlmodel import Session, col, func, select

from backend.people.staff import Person
from backend.searching import photo_search
from backend.searching.photo_search import Mark, Search
from backend.tables import Photo, PhotoId

AT_ONCE = 500
COLUMNS = (
    "photo_id",
    "received",
    "captured_on",
    "place",
    "latitude",
    "longitude",
    "precision",
    "predicted_label",
    "confidence",
    "release",
    "corrected_label",
    "gold_label",
    "state",
    "source",
    "split",
)
PUBLIC_COLUMNS = ("month", "place", "predicted_label", "corrected_label", "gold_label", "source")
Row = dict[str, Any]


@dataclass(frozen=True)
class Allowed:
    """Which places and months may stand in a public list."""

    pairs: frozenset[tuple[str | None, str]]
    months: frozenset[str]


def some(session: Session, person: Person, wanted: Search, after: Mark | None) -> tuple[list[Row], Mark | None]:
    """Return the next rows, and where to go on; None at the end."""
    found = photo_search.page(session, person, wanted, limit=AT_ONCE, after=after)
    last = Mark(found[-1].received_at, PhotoId(found[-1].id)) if len(found) == AT_ONCE else None
    return [_row(photo) for photo in found], last


def public(row: Row, allowed: Allowed) -> Row:
    month = str(row["received"])[:7]
    if (row["place"], month) in allowed.pairs:
        coarse = {"place": row["place"], "month": month}
    else:
        coarse = {"place": None, "month": month if month in allowed.months else None}
    return {name: coarse[name] if name in coarse else row[name] for name in PUBLIC_COLUMNS}


def allowed(session: Session, person: Person, wanted: Search, k: int) -> Allowed:
    """Imports have no device and count as none: what the city itself brought needs no protection of its own, but
    must not hide a single resident among it."""
    month = _month(session)
    senders = select(Photo.place, month, Photo.device_id).where(photo_search.where(person, wanted)).distinct()
    by_pair: dict[tuple[str | None, str], set[str]] = defaultdict(set)
    for place, when, device in session.exec(senders):
        if device is not None:
            by_pair[place, when].add(device)
    pairs = frozenset(pair for pair, devices in by_pair.items() if pair[0] is not None and len(devices) >= k)
    rest: dict[str, set[str]] = defaultdict(set)
    for pair, devices in by_pair.items():
        if pair not in pairs:
            rest[pair[1]] |= devices
    return Allowed(pairs, frozenset(when for when, devices in rest.items() if len(devices) >= k))


def feature(row: Row) -> dict[str, Any]:
    """Return the row as a GeoJSON feature (RFC 7946): longitude first; no geometry where no position was given."""
    where = None
    if row.get("latitude") is not None:
        where = {"type": "Point", "coordinates": [row["longitude"], row["latitude"]]}
    said = {name: value for name, value in row.items() if name not in ("latitude", "longitude")}
    return {"type": "Feature", "geometry": where, "properties": said}


def _row(photo: Photo) -> Row:
    return {
        "photo_id": photo.id,
        "received": _day(photo.received_at),
        "captured_on": photo.captured_on.isoformat() if photo.captured_on else None,
        "place": photo.place,
        "latitude": photo.latitude,
        "longitude": photo.longitude,
        "precision": photo.location_precision,
        "predicted_label": photo.predicted_label,
        "confidence": photo.confidence,
        "release": photo.predicted_release,
        "corrected_label": photo.corrected_label,
        "gold_label": photo.gold_label,
        "state": photo.state,
        "source": photo.source,
        "split": photo.split,
    }


def _day(moment: datetime) -> str:
    return moment.date().isoformat()


def _month(session: Session) -> Any:
    came = col(Photo.received_at)
    if session.get_bind().dialect.name == "postgresql":
        return func.to_char(func.timezone("UTC", came), "YYYY-MM")
    return func.strftime("%Y-%m", came)
