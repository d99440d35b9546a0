"""Photos, map, data sets and exports, as people see them."""

import csv
import io
import json
import re
import zipfile
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import Page, expect
from sqlalchemy import Engine
from sqlmodel import select

from backend.api.dependencies import Parts
from backend.console import safety
from backend.database import now, transaction
from backend.intake import photo_store
from backend.settings import Settings
from backend.tables import (
    AuditEvent,
    Correction,
    DatasetSnapshotPhoto,
    DatasetSnapshotRow,
    DatasetSnapshotState,
    LocationPrecision,
    Photo,
    PhotoState,
    Review,
    ReviewVerdict,
    Role,
)
from mobile_models.document import sha256
from tests import pictures
from tests.backend import staff_world
from tests.backend.console.conftest import Visit
from tests.backend.world import running

PAYLOAD = "<img src=x onerror=window.hacked=1>"
LABELS = ("cardboard", "glass", "metal", "paper", "plastic", "trash")


def stored(parts: Parts, **columns: Any) -> str:
    """A photo that was inspected, with its bytes."""
    content = pictures.jpeg(columns.pop("picture", "glass"))
    with transaction(parts.engine) as session:
        known: dict[str, Any] = {
            "predicted_label": "metal",
            "confidence": 0.62,
            "predicted_release": 1,
            "inspected_at": now(),
        }
        row = staff_world.photo(session, sha256=sha256(content), **(known | columns))
        photo_store.put(parts.storage, staff_world.id_of(row), content)
        return row.id


@pytest.fixture
def city(parts: Parts) -> list[str]:
    """Some weeks of photos in three districts."""
    found = []
    for number in range(24):
        place = ("Quận 1", "Quận 3", "Thủ Đức")[number % 3]
        found.append(
            stored(
                parts,
                picture=LABELS[number % 6],
                predicted_label=LABELS[number % 6],
                corrected_label="plastic" if number % 5 == 0 else None,
                gold_label="glass" if number % 4 == 0 else None,
                place=place,
                latitude=round(10.77 + 0.013 * (number % 7), 2),
                longitude=round(106.69 + 0.017 * (number % 5), 2),
                location_precision=LocationPrecision.DISTRICT,
                received_at=now() - timedelta(days=2 * number),
                confidence=0.3 + 0.02 * number,
            )
        )
    return found


def signed_in(client: httpx.Client, engine: Engine, role: Role = Role.ENGINEER, **options: Any) -> dict[str, str]:
    with transaction(engine) as session:
        staff_world.person(session, "eve", role, **options)
    answer = client.post("/console/sign-in", data={"name": "eve", "password": staff_world.PASSWORD})
    assert answer.status_code == 303
    return {"X-CSRF-Token": safety.secret_of(client.cookies["wastelens"])}


@pytest.mark.parametrize(("locale", "colours"), [("en", "light"), ("vi", "light"), ("zh", "dark")])
def test_photos_are_found_by_filters_that_stand_in_the_address(
    sign_in: Callable[..., Visit], city: list[str], locale: str, colours: str
) -> None:
    visitor = sign_in(role=Role.ENGINEER, locale=locale, color_scheme=colours)
    page = visitor.open("/console/data")
    expect(page.locator(".gallery li")).to_have_count(24)
    visitor.look(f"data-{locale}")
    page.fill("#place", "Thủ Đức")
    page.select_option("#gold", "glass")
    page.locator("form.search button").click()
    expect(page.locator(".gallery li")).to_have_count(2)
    assert "gold=glass" in page.url
    visitor.open("/console/data?gold=glass&place=" + "Thủ Đức")
    expect(page.locator(".gallery li")).to_have_count(2)
    page.wait_for_function("[...document.images].every(each => each.complete && each.naturalWidth > 0)")
    page.locator(".gallery a").first.click()
    expect(page.locator(".facts")).to_contain_text("Thủ Đức · ")
    visitor.look(f"data-photo-{locale}")
    visitor.open("/console/data/map")
    wait_for_map(page)
    visitor.look(f"data-map-{locale}")


def test_a_region_is_covered_with_the_pointer_and_a_photo_hidden_and_shown_again(
    sign_in: Callable[..., Visit], parts: Parts
) -> None:
    photo_id = stored(parts, note=PAYLOAD, place=PAYLOAD, received_at=now())
    before = photo_store.read(parts.storage, photo_id)  # type: ignore[arg-type]
    visitor = sign_in(role=Role.ENGINEER)
    page = visitor.open(f"/console/data/photos/{photo_id}")
    page.on("dialog", lambda dialog: dialog.accept())
    box = page.locator(".drawing svg").bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + 0.1 * box["width"], box["y"] + 0.1 * box["height"])
    page.mouse.down()
    page.mouse.move(box["x"] + 0.5 * box["width"], box["y"] + 0.6 * box["height"])
    page.mouse.up()
    assert 0 < int(page.input_value("#left")) < int(page.input_value("#right"))
    page.screenshot(path="build/screenshots/console/data-redact-1440.png")
    page.get_by_role("button", name="Cover").click()
    expect(page.get_by_text("The region is covered")).to_be_visible()
    assert photo_store.read(parts.storage, photo_id) != before  # type: ignore[arg-type]

    page.fill("#note", PAYLOAD)
    page.get_by_role("button", name="Keep the note").click()
    expect(page.get_by_text(PAYLOAD)).to_have_count(3)
    page.fill("#hide-reason", PAYLOAD)
    page.get_by_role("button", name="Hide from review").click()
    expect(page.get_by_text("The photo is hidden.")).to_be_visible()
    visitor.open("/console/data?state=hidden")
    expect(page.locator(".gallery li")).to_have_count(1)
    visitor.open(f"/console/data/photos/{photo_id}")
    page.get_by_role("button", name="Show it again").click()
    expect(page.get_by_text("The photo is shown again.")).to_be_visible()
    visitor.open("/console/data/map")
    assert page.evaluate("window.hacked") is None


def test_a_device_is_blocked_and_the_block_lifted(sign_in: Callable[..., Visit], parts: Parts, engine: Engine) -> None:
    with transaction(engine) as session:
        device = staff_world.device(session)
    photo_id = stored(parts, device_id=device)
    visitor = sign_in(role=Role.ENGINEER)
    page = visitor.open(f"/console/data/photos/{photo_id}")
    page.on("dialog", lambda dialog: dialog.accept())
    assert device not in page.content()
    page.fill("#block-reason", "insults")
    page.get_by_label("Hide what it has sent so far").check()
    page.get_by_role("button", name="Block the device").click()
    expect(page.get_by_text("The device is blocked, 1 photo is hidden.")).to_be_visible()
    page.get_by_role("link", name="Photos").click()
    page.get_by_role("link", name="Blocked devices").click()
    visitor.look("data-blocks")
    assert device not in page.content()
    page.get_by_role("button", name="Lift the block").click()
    expect(page.get_by_text("The block is lifted.")).to_be_visible()


def wait_for_map(page: Page) -> bool:
    """Return whether this browser draws a map that moves, once it is there."""
    moves: bool = page.evaluate("!!document.createElement('canvas').getContext('webgl2')")
    if moves:
        expect(page.locator(".map[data-ready] canvas")).to_be_visible(timeout=60_000)
    return moves


@pytest.mark.parametrize("script", [True, False])
def test_the_map_is_drawn_with_and_without_script(sign_in: Callable[..., Visit], city: list[str], script: bool) -> None:
    visitor = sign_in(role=Role.REVIEWER, java_script_enabled=script)
    page = visitor.open("/console/data/map")
    if script and wait_for_map(page):
        page.locator("#map-heading").scroll_into_view_if_needed()
        page.screenshot(path="build/screenshots/console/data-map-moving.png")
    else:
        expect(page.locator("svg .spot").first).to_be_visible()
    expect(page.locator("section[aria-labelledby=heat-heading] tbody tr")).to_have_count(3)
    page.get_by_role("link", name="by day").click()
    expect(page.locator("figure.plot")).to_contain_text("Glass")


def test_opinions_and_what_became_of_a_photo_are_told_in_words(
    client: httpx.Client, parts: Parts, engine: Engine
) -> None:
    signed_in(client, engine, Role.REVIEWER)
    photo_id = stored(parts, gold_label="glass", corrected_label="glass")
    waiting = stored(parts)
    number = frozen(engine, {photo_id: ("holdout", "glass")})
    with transaction(engine) as session:
        bob = staff_world.person(session, "bob")
        session.add(Correction(photo_id=photo_id, label="glass", reason="dirty_or_wet"))
        for each in (photo_id, waiting):
            session.add(Review(photo_id=each, staff_id=bob.id, verdict=ReviewVerdict.NOT_WASTE))
    page = client.get(f"/console/data/photos/{photo_id}").text
    for text in ("Not waste", "bob", f"/console/data/snapshots/{number}", "Resident", "Dirty or wet", "holdout"):
        assert text in page
    page = client.get(f"/console/data/photos/{waiting}").text
    assert "bob" not in page  # A second opinion is an independent one.
    assert "Others have said something." in page


def frozen(engine: Engine, photos: dict[str, tuple[str, str]]) -> int:
    counts: dict[str, dict[str, int]] = {}
    for split, label in photos.values():
        counts.setdefault(split, {}).setdefault(label, 0)
        counts[split][label] += 1
    with transaction(engine) as session:
        row = DatasetSnapshotRow(
            state=DatasetSnapshotState.FROZEN, digest="d" * 64, requested_by="ada", frozen_at=now(), counts=counts
        )
        session.add(row)
        session.flush()
        assert row.id
        for photo_id, (split, label) in photos.items():
            session.add(DatasetSnapshotPhoto(snapshot_id=row.id, photo_id=photo_id, split=split, label=label))
        return row.id


def test_two_data_sets_are_compared(sign_in: Callable[..., Visit], city: list[str], engine: Engine) -> None:
    frozen(engine, dict.fromkeys(city[:8], ("train", "glass")))
    second = dict.fromkeys(city[2:10], ("train", "glass"))
    frozen(engine, second | {city[3]: ("train", "metal"), city[4]: ("holdout", "glass")})
    visitor = sign_in(role=Role.ENGINEER)
    page = visitor.open("/console/data/snapshots")
    visitor.look("data-snapshots")
    page.get_by_role("button", name="What changed").click()
    expect(page.locator(".tiles .figure")).to_have_text(["6", "2", "2", "1", "1"])
    visitor.look("data-difference")
    visitor.open("/console/data/snapshots/2")
    visitor.look("data-snapshot")
    visitor.open("/console/data/snapshots")
    page.get_by_role("button", name="Freeze what there is now").click()
    expect(page.get_by_text("A worker freezes data set 3.")).to_be_visible()


@pytest.mark.parametrize("layout", ["folders", "image_folder"])
def test_a_data_set_is_downloaded_in_a_common_layout(
    client: httpx.Client, parts: Parts, engine: Engine, layout: str
) -> None:
    header = signed_in(client, engine)
    shown, hidden = stored(parts, picture="glass"), stored(parts, picture="metal", allow_review=False)
    gone = stored(parts, picture="paper", state=PhotoState.HIDDEN)
    number = frozen(engine, {shown: ("holdout", "glass"), hidden: ("train", "metal"), gone: ("train", "paper")})
    answer = client.post(f"/console/data/snapshots/{number}/archive", data={"layout": layout}, headers=header)
    archive = zipfile.ZipFile(io.BytesIO(answer.content))
    assert archive.testzip() is None
    digest = sha256(pictures.jpeg("glass"))
    assert json.loads(archive.read("left_out.json"))["left_out"] == 2
    if layout == "folders":
        assert archive.namelist() == [f"holdout/glass/{digest}.jpg", "left_out.json"]
    else:
        assert archive.namelist() == [f"test/{digest}.jpg", "test/metadata.jsonl", "left_out.json"]
        line = json.loads(archive.read("test/metadata.jsonl"))
        assert line == {"file_name": f"{digest}.jpg", "label": "glass", "licence": None}
    with transaction(engine) as session:
        event = session.exec(select(AuditEvent).where(AuditEvent.action == "dataset_snapshot.exported")).one()
    assert event.detail == {"layout": layout}


def export(client: httpx.Client, header: dict[str, str], kind: str, audience: str = "staff") -> str:
    answer = client.post("/console/data/export", data={"kind": kind, "audience": audience}, headers=header)
    assert answer.status_code == 200
    return answer.text


def test_lists_are_exported_without_identities(client: httpx.Client, parts: Parts, engine: Engine) -> None:
    header = signed_in(client, engine)
    with transaction(engine) as session:
        devices = [staff_world.device(session) for _ in range(6)]
    for device in devices[:5]:
        stored(parts, device_id=device, place="=Quận 1", latitude=10.77, longitude=106.69, note="secret words")
    stored(parts, device_id=devices[5], place="Village")
    rows = list(csv.DictReader(io.StringIO(export(client, header, "csv"))))
    assert {row["place"] for row in rows} == {"'=Quận 1", "Village"}
    assert rows[1]["latitude"] == "10.77"
    public = list(csv.DictReader(io.StringIO(export(client, header, "csv", "public"))))
    assert [row["place"] for row in public].count("'=Quận 1") == 5
    assert [(row["place"], row["month"]) for row in public if row["place"] != "'=Quận 1"] == [("", "")]
    features = json.loads(export(client, header, "geojson"))["features"]
    assert features[-1]["geometry"]["coordinates"] == [106.69, 10.77]
    for text in (export(client, header, kind, who) for kind in ("csv", "geojson") for who in ("staff", "public")):
        assert "secret" not in text
        assert not any(device in text for device in devices)
    with transaction(engine) as session:
        assert len(session.exec(select(AuditEvent).where(AuditEvent.action == "photos.exported")).all()) == 7


def test_nobody_sees_photos_or_pictures_that_are_not_for_them(
    client: httpx.Client, parts: Parts, engine: Engine
) -> None:
    header = signed_in(client, engine, Role.REVIEWER, areas=["North"])
    north, south = stored(parts, place="North"), stored(parts, place="South")
    private = stored(parts, place="North", allow_review=False)
    hidden = stored(parts, place="North", state=PhotoState.HIDDEN)
    page = client.get("/console/data").text
    assert north in page
    assert south not in page
    for photo_id, expected in ((north, 200), (south, 404), (private, 403), (hidden, 403)):
        for kind in ("small", "image"):
            assert client.get(f"/console/data/photos/{photo_id}/{kind}").status_code == expected, (photo_id, kind)
    assert client.get(f"/console/data/photos/{south}").status_code == 404
    assert client.get("/console/data/map.json").json()["cells"]["features"] == []
    for act in ("hide", "redact", "block-device", "show"):
        assert client.post(f"/console/data/photos/{north}/{act}", headers=header).status_code == 403
    assert client.post("/console/data/export", data={"kind": "csv"}, headers=header).status_code == 403
    assert client.post(f"/console/data/photos/{south}/notes", data={"text": "x"}, headers=header).status_code == 404
    picture = client.get(f"/console/data/photos/{north}/small")
    again = {"If-None-Match": picture.headers["etag"]}
    assert client.get(f"/console/data/photos/{north}/small", headers=again).status_code == 304
    with transaction(engine) as session:
        row = session.get_one(Photo, north)
        row.state = PhotoState.HIDDEN
        session.add(row)
    assert client.get(f"/console/data/photos/{north}/small", headers=again).status_code == 403


def test_older_photos_follow_page_by_page(client: httpx.Client, parts: Parts, engine: Engine) -> None:
    signed_in(client, engine, Role.REVIEWER)
    with transaction(engine) as session:
        for number in range(50):
            staff_world.photo(session, received_at=now() - timedelta(minutes=number), predicted_label="metal")
    first = client.get("/console/data?predicted=metal").text
    address = re.search(r'href="(/console/data\?[^"]*after=[^"]*)"', first)
    assert address is not None
    second = client.get(address[1].replace("&amp;", "&")).text
    ids = [set(re.findall(r'href="/console/data/photos/([0-9a-f-]{36})"', text)) for text in (first, second)]
    assert [len(each) for each in ids] == [48, 2]
    assert not ids[0] & ids[1]
    assert client.get("/console/data?after=nonsense").status_code == 400


@pytest.mark.parametrize("query", ["least=200", "release=x", "since=yesterday", "state=lost", "text=%00"])
def test_filters_that_make_no_sense_are_refused(client: httpx.Client, engine: Engine, query: str) -> None:
    signed_in(client, engine, Role.REVIEWER)
    assert client.get(f"/console/data?{query}").status_code == 422
    assert client.get("/console/data?text=&least=&since=&state=&release=").status_code == 200


def test_districts_are_drawn_with_the_counts_of_their_places(
    settings: Settings, parts: Parts, engine: Engine, tmp_path: Path
) -> None:
    corners = [[106.6, 10.7], [106.8, 10.7], [106.8, 10.9], [106.6, 10.7]]
    shape = {
        "type": "Feature",
        "geometry": {"type": "Polygon", "coordinates": [corners]},
        "properties": {"name": "Quận 1", "more": "left out"},
    }
    file = tmp_path / "districts.geojson"
    file.write_text(json.dumps({"type": "FeatureCollection", "features": [shape]}))
    tiles = {"map_tiles": "https://tiles.example.org/{z}/{x}/{y}.png", "map_tile_hosts": "https://tiles.example.org"}
    stored(parts, place="Quận 1", corrected_label="glass")
    with running(settings.model_copy(update={**tiles, "districts_file": file})) as (client, _):
        signed_in(client, engine, Role.REVIEWER)
        told = client.get("/console/data/map.json").json()
        policy = client.get("/console/data/map").headers["content-security-policy"]
    assert told["districts"]["features"][0]["geometry"] == shape["geometry"]
    assert told["districts"]["features"][0]["properties"] == {"name": "Quận 1", "photos": 1, "corrected": 1}
    assert told["tiles"] == tiles["map_tiles"]
    assert "img-src 'self' data: blob: https://tiles.example.org" in policy
