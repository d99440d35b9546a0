"""The doorbell: a message for a worker, and never a trouble for whoever rings."""

import json
import sqlite3
from pathlib import Path

import pytest
import redis

from backend.doorbell import BackgroundDoorbell
from backend.settings import Settings
from backend.tables import JobKind
from tests.services import free_port
from tests.waiting import PATIENCE_SECONDS, wait_until


def settings(folder: Path, broker_url: str = "") -> Settings:
    return Settings(data_dir=folder, broker_url=broker_url)


def ring_all(given: Settings) -> None:
    doorbell = BackgroundDoorbell(given)
    for number, kind in enumerate(JobKind):
        doorbell(kind, number)
    doorbell.close(PATIENCE_SECONDS)


EXPECTED = [
    ("inspect", "wastelens.inspect", [0]),
    ("train", "wastelens.freeze", [1]),
    ("train", "wastelens.retrain", [2]),
    ("publish", "wastelens.publish", [3]),
    ("inspect", "wastelens.patch", [4]),
    ("train", "wastelens.explain", [5]),
]


def read(queue: str, message: dict[str, dict[str, str]], body: list[list[int]]) -> tuple[str, str, list[int]]:
    return queue, message["headers"]["task"], body[0]


def test_each_kind_goes_to_its_queue_with_the_job_id_alone_on_the_embedded_queue(tmp_path: Path) -> None:
    ring_all(settings(tmp_path))
    database = sqlite3.connect(tmp_path / "queue.sqlite3")
    sql = "SELECT q.name, m.payload FROM kombu_message m JOIN kombu_queue q ON q.id = m.queue_id ORDER BY m.id"
    found = [(queue, json.loads(payload)) for queue, payload in database.execute(sql)]
    database.close()
    assert [read(queue, message, _body(message)) for queue, message in found] == EXPECTED


def _body(message: dict[str, str]) -> list[list[int]]:
    import base64  # noqa: PLC0415  # Kombu writes bodies so.

    decoded: list[list[int]] = json.loads(base64.b64decode(message["body"]))
    return decoded


def test_each_kind_goes_to_its_queue_on_redis(tmp_path: Path, redis_url: str) -> None:
    ring_all(settings(tmp_path, redis_url))
    with redis.from_url(redis_url) as server:
        found = []
        for queue in ("inspect", "train", "publish"):
            messages = [json.loads(payload) for payload in server.lrange(queue, 0, -1)[::-1]]
            found += [read(queue, message, _body(message)) for message in messages]
    assert sorted(found, key=lambda each: each[2]) == EXPECTED


def test_a_broker_that_is_away_is_logged_and_forgiven(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever rings does not wait: all bells have rung while the first still tries to reach the broker."""
    monkeypatch.setattr("backend.doorbell._QUIET_SECONDS", 10 * PATIENCE_SECONDS)
    doorbell = BackgroundDoorbell(settings(tmp_path, f"redis://127.0.0.1:{free_port()}/0"))
    for number in range(2000):
        doorbell(JobKind.INSPECT, number)
    assert "too many wait already" in caplog.text
    wait_until(lambda: "No bell for inspect job 0" in caplog.text)
    doorbell.close(PATIENCE_SECONDS)
    assert doorbell._thread is not None and not doorbell._thread.is_alive()
    assert "No bell for inspect job 1:" not in caplog.text, "the others are left to the sweep"


def test_closing_a_bell_that_never_rang_is_nothing(tmp_path: Path) -> None:
    BackgroundDoorbell(settings(tmp_path)).close()
