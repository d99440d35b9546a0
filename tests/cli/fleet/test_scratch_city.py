"""The calendar of the city in which a fleet lives."""

from datetime import UTC, date, datetime, timedelta

from sqlmodel import col, func, select

from backend.database import connect, transaction
from backend.tables import FieldBlock
from cli.fleet.scratch_city import DAY, _date_arrivals
from mobile_models.field_report import Arm

MIDNIGHT = datetime(2026, 11, 21, tzinfo=UTC)
LIVED = datetime(2026, 11, 3, tzinfo=UTC)


def arrives(url: str, received_at: datetime, phones: int) -> None:
    """Let phones tell of a day of the city."""
    engine = connect(url)
    zeros = {"answers": 0, "corrected": 0, "passed": 0, "failed": 0, "rejected": 0}
    key = {"day": date(2026, 11, 2), "channel": "stable", "version": 2, "arm": Arm.CURRENT}
    with transaction(engine) as session:
        session.add(FieldBlock(received_at=received_at, phones=phones, **key, **zeros))
    engine.dispose()


def test_what_came_in_before_and_after_our_midnight_belongs_to_one_day_of_the_city(migrated_sqlite_url: str) -> None:
    for day in range(2):
        arrives(migrated_sqlite_url, MIDNIGHT, 3)
        arrives(migrated_sqlite_url, MIDNIGHT + DAY, 4)
        engine = connect(migrated_sqlite_url)
        with transaction(engine) as session:
            _date_arrivals(session, MIDNIGHT, LIVED + day * DAY)
            begins, ends = LIVED + day * DAY, LIVED + (day + 1) * DAY - timedelta(seconds=1)
            lived = select(func.sum(FieldBlock.phones)).where(col(FieldBlock.received_at).between(begins, ends))
            assert session.exec(lived).one() == 7
        engine.dispose()
