"""Do one act of a worker, stop for ever at a certain place and make a file there, to be killed: no queue is needed.

doomed_act.py widen|publish MODULE:FUNCTION FILE
"""

import sys
from pathlib import Path

from sqlmodel import select

from backend.settings import Settings
from backend.tables import Job, JobKind
from tests.workers.arranged_worker import freeze_at
from workers import claim, widen_rollout
from workers.publish import PUBLISH
from workers.workplace import Workplace, open_workplace


def main() -> None:
    act, where, mark = sys.argv[1:]
    place = open_workplace(Settings())
    freeze_at(where, Path(mark))
    {"widen": widen_rollout.look_after_rollouts, "publish": publish}[act](place)
    raise AssertionError(f"{act} never came to {where}")


def publish(place: Workplace) -> None:
    with place.transaction() as session:
        job_id = session.exec(select(Job.id).where(Job.kind == JobKind.PUBLISH)).one()
    assert job_id is not None
    claim.work(place, job_id, PUBLISH)


if __name__ == "__main__":
    main()
