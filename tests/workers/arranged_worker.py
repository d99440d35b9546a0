"""Run a worker in which a test has arranged something: `arranged_worker.py [OPTIONS] -- CELERY_OPTIONS...`.

--freeze-at MODULE:FUNCTION --mark FILE   it stops for ever when it comes there, and makes FILE, to be killed there
--trainer FILE                            runs this program in place of `training.run`
--visibility-seconds N                    after so long Redis hands out again what is not acknowledged
"""

import argparse
import importlib
import sys
import threading
from pathlib import Path
from typing import NoReturn

from training import child
from workers.celery_app import app


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--freeze-at")
    parser.add_argument("--mark", type=Path)
    parser.add_argument("--trainer", type=Path)
    parser.add_argument("--visibility-seconds", type=int)
    parser.add_argument("celery", nargs="*")
    given = parser.parse_args()
    if given.freeze_at is not None:
        freeze_at(given.freeze_at, given.mark)
    if given.trainer is not None:
        child.PROGRAM = (sys.executable, str(given.trainer))
    if given.visibility_seconds is not None:
        app.conf.broker_transport_options["visibility_timeout"] = given.visibility_seconds
    app.worker_main(["worker", *given.celery])


def freeze_at(place: str, mark: Path) -> None:
    module_name, _, function = place.partition(":")

    def frozen(*_: object, **__: object) -> NoReturn:
        mark.touch()
        threading.Event().wait()
        raise AssertionError("nobody wakes it")

    setattr(importlib.import_module(module_name), function, frozen)


if __name__ == "__main__":
    main()
