"""What an update check costs: checks per second and bytes, of our server beside nginx with the same files.

    apt-get install nginx wrk
    python benchmarks/update_check.py [--seconds 5] [--rounds 3] [--connections 64]

It makes a repository with two releases, serves it by `python -m backend.server` (one process) and by nginx with
deploy/updates-nginx.conf (one worker process), and lets `wrk` (one thread) ask for `timestamp.json` with and without
`If-None-Match`, and for the root that is not there yet: a phone without news asks for this root and for the timestamp,
nothing else. All of them share the processor cores of this machine, so only the ratio means something elsewhere. The
bytes are counted on the wire, both ways, with all headers, by a relay between a real client (`mobile_models.updates`)
and the server.
"""

import argparse
import os
import re
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import httpx
from obstore.store import LocalStore

from mobile_models.updates import repository, updater
from mobile_models.updates.updater import UpdateSource
from tests import nginx, updates
from tests.services import free_port

ROOT = Path(__file__).parents[1]
METADATA = "/updates/metadata"


@dataclass(frozen=True)
class Ask:
    name: str
    path: str
    conditional: bool = False


ASKS = (
    Ask("timestamp.json, 304", "timestamp.json", conditional=True),
    Ask("timestamp.json, whole", "timestamp.json"),
    Ask("next root, 404", "2.root.json"),
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=int, default=5)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--connections", type=int, default=64)
    given = parser.parse_args()
    if shutil.which("wrk") is None:
        sys.exit("wrk is missing: apt-get install wrk")
    with tempfile.TemporaryDirectory() as folder, servers(Path(folder)) as addresses:
        print(f"{os.cpu_count()} cores shared by wrk and the servers, load before: {os.getloadavg()[0]:.1f}")
        if "nginx" not in addresses:
            print("nginx is MISSING here (apt-get install nginx): no comparison, our own figures alone")
        print_rates(addresses, given)
        print_bytes(addresses, Path(folder))


@contextmanager
def servers(folder: Path) -> Iterator[dict[str, str]]:
    """Publish a repository in `folder` and serve it; gives name to address."""
    data = folder / "data"
    (data / "updates").mkdir(parents=True)
    keys = updates.embedded_keys(data / "keys")
    desired = updates.desired(1, 2, current=1, candidate=2)
    repository.reconcile(LocalStore(data / "updates"), keys, desired)
    with our_server(data, folder / "server.log") as ours:
        if nginx.PROGRAM is None:
            yield {"ours": ours}
            return
        with nginx.serving(folder / "nginx", data) as theirs:
            yield {"ours": ours, "nginx": theirs}


@contextmanager
def our_server(data: Path, log: Path) -> Iterator[str]:
    port = free_port()
    environment = {**os.environ, "WASTELENS_DATA_DIR": str(data), "WASTELENS_PORT": str(port)}
    command = [sys.executable, "-m", "backend.server"]
    with log.open("wb") as output, subprocess.Popen(command, env=environment, cwd=ROOT, stderr=output) as process:
        try:
            yield wait_until_ready(f"http://127.0.0.1:{port}", process)
        finally:
            process.terminate()


def wait_until_ready(address: str, process: "subprocess.Popen[bytes]") -> str:
    while process.poll() is None:
        with suppress(httpx.TransportError):
            httpx.get(f"{address}{METADATA}/timestamp.json").raise_for_status()
            return address
        time.sleep(0.1)
    raise RuntimeError(f"the server ended with {process.returncode}")


def print_rates(addresses: dict[str, str], given: argparse.Namespace) -> None:
    print(f"\n{'requests per second (median)':<30}" + "".join(f"{name:>12}" for name in addresses) + f"{'ratio':>10}")
    for ask in ASKS:
        rates: dict[str, list[float]] = {name: [] for name in addresses}
        for _ in range(given.rounds):  # In turn, so that what else happens here strikes all alike.
            for name, address in addresses.items():
                rates[name].append(rate(address, ask, given.seconds, given.connections))
        medians = {name: statistics.median(found) for name, found in rates.items()}
        ratio = f"{medians['ours'] / medians['nginx']:>10.3f}" if "nginx" in medians else f"{'-':>10}"
        print(f"{ask.name:<30}" + "".join(f"{median:>12,.0f}" for median in medians.values()) + ratio)


def rate(address: str, ask: Ask, seconds: int, connections: int) -> float:
    url = f"{address}{METADATA}/{ask.path}"
    command = ["wrk", "--threads", "1", "--connections", str(connections), "--duration", f"{seconds}s", url]
    if ask.conditional:
        command += ["--header", f"If-None-Match: {httpx.get(url).headers['etag']}"]
    output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    found = re.search(r"Requests/sec:\s+([\d.]+)", output)
    assert found is not None, output
    assert "Socket errors" not in output, output
    return float(found[1])


def print_bytes(addresses: dict[str, str], folder: Path) -> None:
    """A phone that has looked once looks again: nothing is new, and one connection is kept."""
    print(f"\n{'bytes on the wire, HTTP/1.1':<30}" + "".join(f"{name:>12}" for name in addresses))
    counted = {name: phone_bytes(address, folder / f"phone-{name}") for name, address in addresses.items()}
    for row in ("first look, and the offer", "without news, sent", "without news, received", "without news, all"):
        print(f"{row:<30}" + "".join(f"{figures[row]:>12,}" for figures in counted.values()))


def phone_bytes(address: str, folder: Path) -> dict[str, int]:
    trusted_root = httpx.get(f"{address}{METADATA}/1.root.json").content
    with Relay(address) as relay, httpx.Client() as http:
        source = UpdateSource(f"{relay.address}/updates", trusted_root, folder, http)
        assert updater.look(source, "stable", "phone-1") is not None
        first = relay.count()
        assert updater.look(source, "stable", "phone-1") is not None
        sent, received = relay.count()
    return {
        "first look, and the offer": sum(first),
        "without news, sent": sent,
        "without news, received": received,
        "without news, all": sent + received,
    }


class Relay:
    """Passes bytes on between a client and `address`, and counts them; TLS would come on top."""

    def __init__(self, address: str) -> None:
        host, _, port = address.removeprefix("http://").partition(":")
        self._server = (host, int(port))
        self._sockets = [socket.create_server(("127.0.0.1", 0))]
        self.address = f"http://127.0.0.1:{self._sockets[0].getsockname()[1]}"
        self._sent = self._received = 0

    def __enter__(self) -> "Relay":
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        for each in self._sockets:
            each.close()

    def count(self) -> tuple[int, int]:
        """Return the bytes sent and received since the last time."""
        counted, self._sent, self._received = (self._sent, self._received), 0, 0
        return counted

    def _accept(self) -> None:
        with suppress(OSError):  # Closing the listening socket is how this ends.
            while True:
                client, _ = self._sockets[0].accept()
                server = socket.create_connection(self._server)
                self._sockets += [client, server]
                for start, end, note in ((client, server, self._note_sent), (server, client, self._note_received)):
                    threading.Thread(target=_pass_on, args=(start, end, note), daemon=True).start()

    def _note_sent(self, size: int) -> None:
        self._sent += size

    def _note_received(self, size: int) -> None:
        self._received += size


def _pass_on(start: socket.socket, end: socket.socket, note: Callable[[int], None]) -> None:
    with suppress(OSError):
        while content := start.recv(65536):
            note(len(content))
            end.sendall(content)


if __name__ == "__main__":
    main()
