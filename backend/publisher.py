"""What is asked of the publisher, and what it complains about.

Guarantees: there is one publishing job for everything, so that asking often is asking once.
"""

from collections.abc import Sequence

from sqlmodel import Session

from backend import job_queue
from backend.records import audit_log
from backend.tables import JobKind

UPDATES = "updates"
NAME = "publish"
"""As the actor of what it writes down."""


def ask(session: Session) -> None:
    """Let it make the update repository agree with the rows, as they are after this transaction."""
    session.flush()
    job_queue.enqueue(session, JobKind.PUBLISH, UPDATES)


def staged_key(version: int) -> str:
    """Where the metadata that people are asked to sign lies in storage."""
    return f"artefacts/staged/{version}/targets.json"


def note_problems(session: Session, problems: Sequence[str]) -> None:
    """Write down what is wrong with the update repository, where it is not what was wrong before."""
    if list(problems) != current_problems(session):
        audit_log.record(session, NAME, "updates.problems", UPDATES, problems=list(problems))


def current_problems(session: Session) -> list[str]:
    """Return what the publisher last found wrong, in words that anybody may read."""
    newest = audit_log.history(session, UPDATES, limit=1)
    return list(newest[-1].detail["problems"]) if newest else []
