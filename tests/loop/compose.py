"""docker-compose.yml without an engine: each service's own command as a local process, in its own environment.

What an engine would provide is put in place of what the file names: hosts of services become local servers, mounted
folders become folders of the test, secrets become files. The commands and settings stay as they are in the file.
"""

import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from tests.waiting import PATIENCE_SECONDS, wait_until

ROOT = Path(__file__).resolve().parents[2]
FILE = ROOT / "docker-compose.yml"
_VARIABLE = re.compile(r"\$\{(?P<name>\w+)(?::-(?P<default>[^}]*))?\}")


def read(variables: Mapping[str, str]) -> dict[str, Any]:
    """Return the file with its `${NAME:-default}` filled in, after parsing, as an engine does."""

    def fill(node: Any) -> Any:
        if isinstance(node, dict):
            return {key: fill(value) for key, value in node.items()}
        if isinstance(node, list):
            return [fill(value) for value in node]
        if isinstance(node, str):
            return _VARIABLE.sub(lambda match: variables.get(match["name"], match["default"] or ""), node)
        return node

    content: dict[str, Any] = fill(yaml.safe_load(FILE.read_text()))
    return content


def ours(compose: dict[str, Any]) -> list[str]:
    """Names of the services that run our own code."""
    return [name for name, service in compose["services"].items() if "build" in service]


@dataclass(frozen=True)
class Host:
    """Stands in for the engine: replaces the file's paths and hosts, and runs services."""

    compose: dict[str, Any]
    folder: Path
    replacements: Mapping[str, str]

    def run(self, name: str, command: list[str], timeout: float = PATIENCE_SECONDS) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            self._local(command),
            env=self._environment(name),
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )

    def run_to_end(self, name: str) -> subprocess.CompletedProcess[str]:
        return self.run(name, self.compose["services"][name]["command"])

    def check_health(self, name: str) -> subprocess.CompletedProcess[str]:
        kind, *command = self.compose["services"][name]["healthcheck"]["test"]
        assert kind == "CMD"
        return self.run(name, command)

    def wait_until_healthy(self, name: str) -> None:
        wait_until(lambda: self.check_health(name).returncode == 0, explain=lambda: self._ails(name))

    def _ails(self, name: str) -> str:
        checked = self.check_health(name)
        return f"{name}: {checked.stdout}{checked.stderr}\n{self.log(name)}"

    @contextmanager
    def started(self, names: list[str]) -> Iterator[None]:
        """Run services until the block ends, then stop them as an engine would."""
        with ExitStack() as stack:
            for name in names:
                stack.enter_context(self._process(name))
            yield

    def log(self, name: str) -> str:
        path = self.folder / f"{name}.log"
        return path.read_text(errors="replace") if path.exists() else ""

    @contextmanager
    def _process(self, name: str) -> Iterator[None]:
        with (self.folder / f"{name}.log").open("wb") as log:
            process = subprocess.Popen(
                self._local(self.compose["services"][name]["command"]),
                env=self._environment(name),
                cwd=ROOT,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        try:
            yield
        finally:
            process.terminate()
            try:
                process.wait(PATIENCE_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
                raise

    def _environment(self, name: str) -> dict[str, str]:
        kept = {key: os.environ[key] for key in ("PATH", "HOME", "LANG") if key in os.environ}
        configured = self.compose["services"][name]["environment"]
        return kept | {key: self._replace(value) for key, value in configured.items()}

    def _local(self, command: list[str]) -> list[str]:
        """The image's executables are those of this environment."""
        program, *arguments = [self._replace(part) for part in command]
        return [str(Path(sys.executable).parent / program), *arguments]

    def _replace(self, value: str) -> str:
        """Replace in one pass, whole path segments only: `/data` is not the beginning of `/database`."""
        theirs = "|".join(map(re.escape, self.replacements))
        return re.sub(rf"(?<!\w)({theirs})(?!\w)", lambda match: self.replacements[match[0]], value)
