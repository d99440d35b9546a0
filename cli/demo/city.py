"""A city for the demonstration: a real server, worker and schedule in a folder of their own, and its staff."""

import random
import secrets
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from backend.settings import PREFIX, Settings
from cli import processes

START_SECONDS = 120
_PORTS = range(8100, 10_000)


class DemoFailed(Exception):
    """The loop did not do what it must; the message says where to look."""


@dataclass(frozen=True)
class City:
    """Addresses and people of a running city."""

    settings: Settings
    staff: "StaffClient"


class StaffClient:
    """A signed-in member of staff who works through the HTTP interface, like the console does."""

    def __init__(self, server_url: str, name: str, password: str) -> None:
        self._http = httpx.Client(base_url=server_url, timeout=60)
        token = self.post("/v1/staff/sign-in", {"name": name, "password": password})["token"]
        self._http.headers["Authorization"] = f"Bearer {token}"

    def get(self, path: str) -> Any:
        return self._checked(self._http.get(path))

    def post(self, path: str, body: dict[str, Any] | None = None) -> Any:
        return self._checked(self._http.post(path, json=body or {}))

    def close(self) -> None:
        self._http.close()

    @staticmethod
    def _checked(answer: httpx.Response) -> Any:
        if answer.is_error:
            raise DemoFailed(f"{answer.request.method} {answer.request.url.path}: {answer.status_code} {answer.text}")
        return answer.json() if answer.content else None


def environment(data_dir: Path, bundled_release: Path, recipe: str, weights: str) -> dict[str, str]:
    """Settings of a city that lives in `data_dir` and ships with `bundled_release`."""
    chosen = {
        "DATA_DIR": str(data_dir),
        "PORT": str(_free_port()),
        "BUNDLED_RELEASE": str(bundled_release),
        "ADMINISTRATOR_PASSWORD": secrets.token_urlsafe(12),
        "RECIPE": recipe,
        "WEIGHTS": weights,
        "RETRAIN_EVERY_DAYS": "0",
        "RETRAIN_AFTER_GOLD_LABELS": "0",
        "SWEEP_SECONDS": "5",
        "SUBMISSIONS_PER_DEVICE_PER_DAY": "10000",
    }
    return {PREFIX + name: value for name, value in chosen.items()}


@contextmanager
def running(settings: Settings, environment: dict[str, str]) -> Iterator[City]:
    """Start server, worker and schedule, wait until the server is ready, and stop them at the end."""
    with processes.running(settings.data_dir, environment):
        _wait_until_ready(settings)
        staff = StaffClient(settings.resolved_public_url, settings.administrator, settings.administrator_password)
        try:
            yield City(settings, staff)
        finally:
            staff.close()


def _wait_until_ready(settings: Settings) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        try:
            if httpx.get(f"{settings.resolved_public_url}/readyz", timeout=5).is_success:
                return
        except httpx.TransportError:
            pass  # Not listening yet.
        time.sleep(0.2)
    raise DemoFailed(f"The server is not ready after {START_SECONDS} seconds; see {settings.data_dir / 'logs'}")


def _free_port() -> int:
    """Not one of those that the system gives to whoever asks for any: somebody would, before the server does."""
    for port in random.sample(_PORTS, len(_PORTS)):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise DemoFailed(f"Every port from {_PORTS[0]} to {_PORTS[-1]} is in use.")
