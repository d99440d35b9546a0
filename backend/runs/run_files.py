"""What a training run left in storage for people to read: its evidence, its reports, what it printed.

Guarantees: a document that is missing or not what it should be is None, so that a page can say so; nothing is guessed.
"""

import logging

import obstore
from obstore.store import ObjectStore

from backend.releasing.release_files import release_key
from mobile_models.evaluation import EvaluationReport

log = logging.getLogger(__name__)

RUNS = "artefacts/runs/"
REPORT, LOG, EVALUATION, MODEL_CARD = "report.html", "output.log", "evaluation.json", "MODEL_CARD.md"
CHAMPION_EVALUATION = "champion_evaluation.json"
_LONGEST_LOG = 200_000


def run_key(run_id: str, file: str) -> str:
    """Where a file of a run lies in storage."""
    return f"{RUNS}{run_id}/{file}"


def names(storage: ObjectStore, run_id: str) -> list[str]:
    """Return what the run has left so far, in order."""
    prefix = run_key(run_id, "")
    found = (each["path"] for page in obstore.list(storage, prefix) for each in page)
    return sorted(path.removeprefix(prefix) for path in found)


def read(storage: ObjectStore, key: str) -> bytes | None:
    """Return an object; None where it is not there."""
    try:
        return bytes(obstore.get(storage, key).bytes())
    except FileNotFoundError:
        return None


def log_of(storage: ObjectStore, run_id: str) -> str:
    """Return the end of what the trainer printed; empty where nothing is stored yet."""
    content = read(storage, run_key(run_id, LOG)) or b""
    return content[-_LONGEST_LOG:].decode(errors="replace")


def evaluation_of_run(storage: ObjectStore, run_id: str) -> EvaluationReport | None:
    return _evaluation(storage, run_key(run_id, f"release/{EVALUATION}"))


def evaluation_of_champion(storage: ObjectStore, run_id: str) -> EvaluationReport | None:
    """Return the champion's report on the holdout of this run."""
    return _evaluation(storage, run_key(run_id, CHAMPION_EVALUATION))


def evaluation_of_release(storage: ObjectStore, version: int) -> EvaluationReport | None:
    return _evaluation(storage, release_key(version, EVALUATION))


def _evaluation(storage: ObjectStore, key: str) -> EvaluationReport | None:
    content = read(storage, key)
    if content is None:
        return None
    try:
        return EvaluationReport.model_validate_json(content)
    except ValueError:
        log.exception("%s is no evaluation report", key)
        return None
