"""The doorbell: tells workers that a job waits.

Guarantees: ringing never blocks, never fails and never delays an answer; a bell that is lost costs time only, because
the sweep rings again. Celery is imported by the first bell, in the thread that rings it.
"""

import logging
import queue
import threading
from typing import Any

from backend.settings import Settings
from backend.tables import JobKind

log = logging.getLogger(__name__)

QUEUES = {
    JobKind.INSPECT: "inspect",
    JobKind.FREEZE: "train",
    JobKind.RETRAIN: "train",
    JobKind.PUBLISH: "publish",
    JobKind.PATCH: "inspect",  # Half a minute of work must not keep the publisher from a halt.
    JobKind.EXPLAIN: "train",  # It needs Keras.
}
CONNECT_SECONDS = 2
WAITING_BELLS = 1000
_QUIET_SECONDS = 30
"""After a failure no bell is tried for this long: the sweep does the work meanwhile."""


class BackgroundDoorbell:
    """A `job_queue.Doorbell` that rings from a thread of its own."""

    def __init__(self, settings: Settings) -> None:
        self._broker_url = settings.resolved_broker_url
        self._bells: queue.Queue[tuple[JobKind, int] | None] = queue.Queue(WAITING_BELLS)
        self._closing = threading.Event()
        self._thread: threading.Thread | None = None
        self._starting = threading.Lock()

    def __call__(self, kind: JobKind, job_id: int) -> None:
        with self._starting:
            if self._thread is None:
                self._thread = threading.Thread(target=self._ring_all, name="doorbell", daemon=True)
                self._thread.start()
        try:
            self._bells.put_nowait((kind, job_id))
        except queue.Full:
            log.warning("No bell for %s job %d: too many wait already; the sweep will find it", kind, job_id)

    def close(self, timeout_seconds: float = 5) -> None:
        """Ring what waits, for at most `timeout_seconds`, and until the broker fails."""
        self._closing.set()
        if self._thread is not None:
            try:
                self._bells.put_nowait(None)
            except queue.Full:
                log.warning("Leaving %d bells to the sweep", self._bells.qsize())
            self._thread.join(timeout_seconds)

    def _ring_all(self) -> None:
        app = _sender(self._broker_url)
        while (bell := self._bells.get()) is not None:
            kind, job_id = bell
            try:
                app.send_task(f"wastelens.{kind}", args=[job_id], queue=QUEUES[kind], retry=False)
            except Exception as error:  # noqa: BLE001  # A broker may fail in any way; the sweep rings again.
                log.warning("No bell for %s job %d: %s: %s", kind, job_id, type(error).__name__, error)
                if self._closing.wait(_QUIET_SECONDS):
                    break  # Whatever else waits is left to the sweep, too.
        app.close()


def _sender(broker_url: str) -> Any:
    from celery import Celery  # noqa: PLC0415  # 25 MB and a third of a second that a server can start without.
    from kombu.entity import Queue  # noqa: PLC0415

    app = Celery("wastelens-doorbell", broker=broker_url, set_as_current=False)
    app.conf.update(
        task_queues=[Queue(name) for name in sorted(set(QUEUES.values()))],  # type: ignore[no-untyped-call]
        task_create_missing_queues=False,
        task_serializer="json",
        task_ignore_result=True,
        broker_connection_timeout=CONNECT_SECONDS,
        broker_connection_retry=False,
        broker_transport_options=_timeouts(broker_url),
    )
    return app


def _timeouts(broker_url: str) -> dict[str, float]:
    if not broker_url.startswith("redis"):
        return {}
    return {"socket_connect_timeout": CONNECT_SECONDS, "socket_timeout": CONNECT_SECONDS}
