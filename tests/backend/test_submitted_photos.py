"""What is taken and what is refused, and how that is said; on one server, since none of it depends on the database."""

import io
import uuid
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from PIL import Image

from backend import migrations
from backend.api.dependencies import Parts
from backend.settings import Settings
from tests import pictures
from tests.backend.world import Resident, photo_rows, register, running, stored_photo, stored_photos


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[httpx.Client, Parts]]:
    settings = Settings(data_dir=tmp_path_factory.mktemp("world"))
    migrations.upgrade(settings.resolved_database_url)
    with running(settings) as started:
        yield started


@pytest.fixture
def parts(world: tuple[httpx.Client, Parts]) -> Parts:
    return world[1]


@pytest.fixture
def resident(world: tuple[httpx.Client, Parts]) -> Resident:
    return register(world[0])


def png(picture: Image.Image) -> bytes:
    return pictures.save(picture, "PNG")


def fifty_megapixels_and_more() -> bytes:
    return png(Image.new("1", (7200, 7200)))


def moving() -> bytes:
    frames = [pictures.draw("metal", seed) for seed in range(2)]
    return pictures.save(frames[0], "WEBP", save_all=True, append_images=frames[1:])


REFUSED = [
    (b"this is no photo", 415, "unsupported_format"),
    (b"\x00\x00\x00\x18ftypheic" + bytes(100), 415, "heic_unavailable"),
    (b"", 415, "unsupported_format"),
    (pictures.jpeg(size=(400, 400))[:-600], 422, "truncated"),
    (b"\xff\xd8\xff\xe0" + bytes(50), 422, "malformed"),
    (moving(), 422, "animated"),
    (fifty_megapixels_and_more(), 413, "too_many_pixels"),
    (bytes(12 * 1024 * 1024 + 1), 413, "too_many_bytes"),
]


@pytest.mark.parametrize(("content", "status", "code"), REFUSED, ids=[case[2] + str(case[1]) for case in REFUSED])
def test_what_cannot_be_taken_is_refused_with_its_own_code(
    resident: Resident, parts: Parts, content: bytes, status: int, code: str
) -> None:
    answer = resident.submit(content)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert answer.headers["content-type"] == "application/problem+json"
    assert resident.ask("GET", "/v1/submissions").json() == {"submissions": []}
    assert stored_photos(parts.storage) == [row.id for row in photo_rows(parts)]


def odd_but_fine() -> Iterator[tuple[str, bytes]]:
    drawn = pictures.draw("plastic")
    yield "cmyk", pictures.save(drawn.convert("CMYK"), "JPEG")
    yield "grey", pictures.save(drawn.convert("L"), "JPEG")
    yield "16 bit", png(Image.new("I;16", (40, 30), 30_000))
    yield "transparent", png(drawn.convert("RGBA"))
    yield "webp", pictures.save(drawn, "WEBP")
    yield "two frames of one photo", pictures.save(drawn, "MPO", save_all=True, append_images=[drawn])


@pytest.mark.parametrize(("kind", "content"), list(odd_but_fine()), ids=[kind for kind, _ in odd_but_fine()])
def test_an_unusual_photo_is_taken(resident: Resident, parts: Parts, kind: str, content: bytes) -> None:
    answer = resident.submit(content)
    assert answer.status_code == 201, kind
    with Image.open(io.BytesIO(stored_photo(parts.storage, answer.json()["id"]))) as image:
        assert (image.format, image.mode) == ("JPEG", "RGB")


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"allow_review": "perhaps"}, "submission.allow_review"),
        ({"nickname": "Bob"}, "submission.nickname"),
        ({"place": "x" * 101}, "submission.place"),
        (
            {"prediction": {"label": "glass", "scores": {"glass": 1.5}, "release": 1}},
            "submission.prediction.scores.glass",
        ),
        ({"prediction": {"label": "glass", "scores": {}, "release": 0}}, "submission.prediction.release"),
        ({"captured_on": "yesterday"}, "submission.captured_on"),
    ],
)
def test_a_submission_that_is_not_as_documented_names_the_field(
    resident: Resident, changes: dict[str, Any], field: str
) -> None:
    answer = resident.submit(**changes)
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid")
    assert [error["field"] for error in answer.json()["errors"]] == [field]


def test_a_body_without_its_parts_says_what_is_missing(resident: Resident) -> None:
    path = f"/v1/submissions/{uuid.uuid4()}"
    assert resident.ask("PUT", path, data={"submission": "{}"}).json()["code"] == "no_photo"
    assert resident.ask("PUT", path, files={"photo": pictures.jpeg()}).json()["code"] == "invalid"
    assert resident.ask("PUT", path, json={}).json()["code"] == "no_photo"
    assert resident.ask("PUT", "/v1/submissions/7", files={"photo": b"x"}).json()["code"] == "invalid"
