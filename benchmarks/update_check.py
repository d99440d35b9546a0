"""What an update check costs: checks per second and bytes, of our server beside nginx with the same files.

    apt-get install nginx wrk
    python benchmarks/update_check.py [--seconds 5] [--rounds 3] [--connections 64]

It makes a repository with two releases, serves it by `python -m backend.server` (one process) and by nginx with
deploy/updates-nginx.conf (one worker process), and lets `wrk` (one thread) ask for `timestamp.json` with and without
`If-None-Match`, and for the root that is not there yet: a phone without news asks for this root and for the timestamp,
nothing else. All of them share the processor cores of this machine with whatever else runs here, so only the ratios
mean something elsewhere, and most of all that of the requests in each second that the server itself was computing. The
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

from mobile_models.updates.following import updater
from mobile_models.updates.following.updater import UpdateSource
from mobile_models.updates.publishing import repository
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
    with tempfile.TemporaryDirectory() as folder, servers(Path(folder)) as found:
        print(f"{os.cpu_count()} cores shared by wrk and the servers, load before: {os.getloadavg()[0]:.1f}")
        if "nginx" not in found:
            print("nginx is MISSING here (apt-get install nginx): no comparison, our own figures alone")
        print_rates(found, given)
        print_bytes(found, Path(folder))


@dataclass(frozen=True)
class Server:
    address: str
    process_id: int

    def cpu_seconds(self) -> float:
        """Of the process and its children (proc_pid_stat(5), fields 14 and 15)."""
        children = Path(f"/proc/{self.process_id}/task/{self.process_id}/children").read_text().split()
        ticks = 0
        for process in (str(self.process_id), *children):
            fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
            ticks += int(fields[11]) + int(fields[12])
        return ticks / os.sysconf("SC_CLK_TCK")


@contextmanager
def servers(folder: Path) -> Iterator[dict[str, Server]]:
    """Publish a repository in `folder` and serve it; gives servers by name."""
    data = folder / "data"
    (data / "updates").mkdir(parents=True)
    keys = updates.embedded_keys(data / "keys")
    desired = updates.desired(1, 2, current=1, candidate=2)
    repository.reconcile(LocalStore(data / "updates"), keys, desired)
    with our_server(data, folder / "server.log") as ours:
        if nginx.PROGRAM is None:
            yield {"ours": ours}
            return
        with nginx.serving(folder / "nginx", data) as (address, process_id):
            yield {"ours": ours, "nginx": Server(address, process_id)}


@contextmanager
def our_server(data: Path, log: Path) -> Iterator[Server]:
    port = free_port()
    environment = {**os.environ, "WASTELENS_DATA_DIR": str(data), "WASTELENS_PORT": str(port)}
    command = [sys.executable, "-m", "backend.server"]
    with log.open("wb") as output, subprocess.Popen(command, env=environment, cwd=ROOT, stderr=output) as process:
        try:
            yield Server(wait_until_ready(f"http://127.0.0.1:{port}", process), process.pid)
        finally:
            process.terminate()


def wait_until_ready(address: str, process: "subprocess.Popen[bytes]") -> str:
    while process.poll() is None:
        with suppress(httpx.TransportError):
            httpx.get(f"{address}{METADATA}/timestamp.json").raise_for_status()
            return address
        time.sleep(0.1)
    raise RuntimeError(f"the server ended with {process.returncode}")


def print_rates(found: dict[str, Server], given: argparse.Namespace) -> None:
    """Medians of the rounds."""
    measured = {ask: measure(found, ask, given) for ask in ASKS}
    for title, place in (("requests per second", 0), ("per second of its own computing", 1)):
        print(f"\n{title:<32}" + "".join(f"{name:>12}" for name in found) + f"{'ratio':>10}")
        for ask, rounds in measured.items():
            medians = {name: statistics.median(each[place] for each in rates) for name, rates in rounds.items()}
            ratio = f"{medians['ours'] / medians['nginx']:>10.3f}" if "nginx" in medians else f"{'-':>10}"
            print(f"{ask.name:<32}" + "".join(f"{median:>12,.0f}" for median in medians.values()) + ratio)


def measure(found: dict[str, Server], ask: Ask, given: argparse.Namespace) -> dict[str, list[tuple[float, float]]]:
    """Return the two rates of each round by server."""
    rates: dict[str, list[tuple[float, float]]] = {name: [] for name in found}
    for _ in range(given.rounds):  # In turn, so that what else happens here strikes all alike.
        for name, server in found.items():
            rates[name].append(rate(server, ask, given.seconds, given.connections))
    return rates


def rate(server: Server, ask: Ask, seconds: int, connections: int) -> tuple[float, float]:
    url = f"{server.address}{METADATA}/{ask.path}"
    command = ["wrk", "--threads", "1", "--connections", str(connections), "--duration", f"{seconds}s", url]
    if ask.conditional:
        command += ["--header", f"If-None-Match: {httpx.get(url).headers['etag']}"]
    before = server.cpu_seconds()
    output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    computing = server.cpu_seconds() - before
    total, each_second = re.search(r"(\d+) requests in", output), re.search(r"Requests/sec:\s+([\d.]+)", output)
    assert total is not None, output
    assert each_second is not None, output
    assert "Socket errors" not in output, output
    return float(each_second[1]), int(total[1]) / computing


def print_bytes(found: dict[str, Server], folder: Path) -> None:
    """A phone that has looked once looks again: nothing is new, and one connection is kept."""
    print(f"\n{'bytes on the wire, HTTP/1.1':<32}" + "".join(f"{name:>12}" for name in found))
    counted = {name: phone_bytes(server.address, folder / f"phone-{name}") for name, server in found.items()}
    for row in ("first look, and the offer", "without news, sent", "without news, received", "without news, all"):
        print(f"{row:<32}" + "".join(f"{figures[row]:>12,}" for figures in counted.values()))


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
