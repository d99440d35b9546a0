"""The straight way behaves as httpx's own transport does."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from phone.fleet.straight_way import StraightWay
from tests import updates
from tests.updates import StaticServer

CONTENT = bytes(range(256)) * 1000


@pytest.fixture
def web(tmp_path: Path) -> Iterator[StaticServer]:
    (tmp_path / "file.tflite").write_bytes(CONTENT)
    with updates.serving(tmp_path) as server:
        yield server


@pytest.fixture
def http(web: StaticServer) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=web.url, transport=StraightWay("127.0.0.1", web.server_port)) as client:
        yield client


def test_it_gives_what_the_server_sends(http: httpx.Client) -> None:
    assert http.get("/file.tflite").content == CONTENT
    assert http.get("/nothing").status_code == 404
    part = http.get("/file.tflite", headers={"Range": "bytes=1000-"})
    assert (part.status_code, part.content) == (206, CONTENT[1000:])
    assert http.post("/v1/devices").json()["device_id"] == "phone-1"


def test_an_answer_that_is_not_read_to_its_end_does_not_disturb_the_next_one(http: httpx.Client) -> None:
    with http.stream("GET", "/file.tflite") as answer:
        assert next(answer.iter_raw())
    assert http.get("/file.tflite").content == CONTENT


def test_an_answer_that_is_cut_is_an_error(http: httpx.Client, web: StaticServer) -> None:
    web.cut_after = 100_000
    with pytest.raises(httpx.HTTPError):
        http.get("/file.tflite")
    web.cut_after = None
    assert http.get("/file.tflite").content == CONTENT


def test_a_connection_that_the_server_has_closed_is_opened_again_and_no_server_is_an_error(
    http: httpx.Client, web: StaticServer
) -> None:
    assert [http.get("/file.tflite").is_success for _ in range(3)] == [True] * 3, "this server closes after each answer"
    web.server_close()
    with pytest.raises(httpx.ConnectError):
        http.get("/file.tflite")
