"""Talking to a Wastelens server from the command line.

Guarantees: what goes wrong is said in one sentence on standard error, and the exit status is 1.
"""

import json
from types import TracebackType
from typing import Annotated, Any, NoReturn, Self

import httpx
import typer

SERVER = Annotated[str, typer.Option(help="Address of the server.", envvar="WASTELENS_SERVER")]
LOCAL = "http://127.0.0.1:8000"
TOKEN = Annotated[str, typer.Option(help="From `wastelens staff sign-in`.", envvar="WASTELENS_TOKEN")]


class Server:
    def __init__(self, address: str, token: str = "") -> None:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        self._http = httpx.Client(base_url=address, headers=headers, timeout=60)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._http.close()

    def get(self, path: str) -> Any:
        return self._ask("GET", path).json()

    def get_bytes(self, path: str) -> bytes:
        return self._ask("GET", path).content

    def find_bytes(self, path: str) -> bytes | None:
        """Return None where there is no such file."""
        answer = self._request("GET", path)
        return answer.content if answer.status_code == httpx.codes.OK else None

    def find_json(self, path: str) -> Any:
        content = self.find_bytes(path)
        return None if content is None else json.loads(content)

    def post(self, path: str, body: dict[str, Any]) -> Any:
        return self._ask("POST", path, body).json()

    def _ask(self, method: str, path: str, body: dict[str, Any] | None = None) -> httpx.Response:
        answer = self._request(method, path, body)
        if answer.is_error:
            _refuse(_problem(answer))
        return answer

    def _request(self, method: str, path: str, body: dict[str, Any] | None = None) -> httpx.Response:
        try:
            return self._http.request(method, path, json=body)
        except httpx.HTTPError as error:
            _refuse(f"{self._http.base_url} does not answer: {error}")


def _problem(answer: httpx.Response) -> str:
    if answer.headers.get("content-type", "").startswith("application/problem+json"):
        problem = answer.json()
        return f"{problem['title']}: {problem['detail']} ({problem['code']})"
    return f"{answer.request.url} answered {answer.status_code}"


def _refuse(message: str) -> NoReturn:
    typer.echo(message, err=True)
    raise typer.Exit(1)
