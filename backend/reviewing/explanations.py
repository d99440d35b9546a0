"""Asking for pictures of where the current model looked.

Guarantees: each photo is asked for once, however often it is shown.
"""

from collections.abc import Sequence

from sqlmodel import Session, col, select

from backend import job_queue
from backend.tables import Job, JobKind, PhotoId


def ask(session: Session, photo_ids: Sequence[PhotoId]) -> None:
    """Let a worker look at those that nobody has asked for yet."""
    asked = select(Job.subject).where(Job.kind == JobKind.EXPLAIN, col(Job.subject).in_(photo_ids))
    known = set(session.exec(asked).all())
    for photo_id in photo_ids:
        if photo_id not in known:
            job_queue.enqueue(session, JobKind.EXPLAIN, photo_id)
