"""The seven calls of the service: every argument, default and error, as a program and as a person in a browser."""

import io
import json
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import expect
from sqlalchemy import Engine
from sqlmodel import Session, select

from backend.api.dependencies import Parts
from backend.database import transaction
from backend.datasets import photo_folders
from backend.intake import photo_store
from backend.people import staff_sessions
from backend.people.staff_sessions import Origin
from backend.settings import Settings
from backend.tables import (
    AuditEvent,
    Photo,
    PhotoId,
    PhotoState,
    RecipeConfiguration,
    RecipeDraft,
    Role,
    SignInWay,
    Staff,
    TrainingRun,
)
from mobile_models.label_set import TRASHNET
from tests import pictures
from tests.backend import staff_world
from tests.backend.console.conftest import Visit
from tests.backend.world import make_current

SERVICE = "/console/service"
LABELS = ("glass", "metal", "paper")


@pytest.fixture
def settings(migrated_database_url: str, tmp_path: Path) -> Settings:
    """With a configured folder of folders, and recipes that start without downloaded weights."""
    root = tmp_path / "folders"
    for label in LABELS:
        (root / "sorted" / label).mkdir(parents=True)
        (root / "sorted" / label / "one.jpg").write_bytes(pictures.jpeg(label, 1))
    (root / "empty").mkdir()
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "secret.jpg").write_bytes(pictures.jpeg("trash"))
    (root / "way-out").symlink_to(tmp_path / "elsewhere")
    return Settings(
        data_dir=tmp_path / "var", database_url=migrated_database_url, folders_dir=root, recipe="tiny", weights="random"
    )


class Program:
    """Calls with the token of an engineer."""

    def __init__(self, client: httpx.Client, token: str) -> None:
        self.client = client
        self.headers = {"Authorization": f"Bearer {token}", "Accept": "application/json"}

    def get(self, call: str, **arguments: Any) -> httpx.Response:
        return self.client.get(f"{SERVICE}/{call}", params=arguments, headers=self.headers)

    def post(self, call: str, files: list[tuple[str, bytes]] | None = None, **arguments: Any) -> httpx.Response:
        sent = None if files is None else [("files", each) for each in files]
        return self.client.post(f"{SERVICE}/{call}", data=arguments, files=sent, headers=self.headers)

    def refusal(self, call: str, **arguments: Any) -> tuple[int, str]:
        answer = self.post(call, **arguments)
        return answer.status_code, answer.json()["code"]


def token_of(engine: Engine, settings: Settings, name: str = "kim", areas: list[str] | None = None) -> str:
    with transaction(engine) as session:
        person = staff_world.person(session, name, Role.ENGINEER, areas)
        row = session.get_one(Staff, person.id)
        return staff_sessions.open_session(session, settings, row, SignInWay.COMMAND_LINE, Origin()).token


@pytest.fixture
def program(client: httpx.Client, engine: Engine, settings: Settings) -> Program:
    return Program(client, token_of(engine, settings))


def zipped(content: dict[str, bytes]) -> bytes:
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, each in content.items():
            archive.writestr(name, each)
    return written.getvalue()


def rows(engine: Engine, table: type[Any]) -> list[Any]:
    with transaction(engine) as session:
        return list(session.exec(select(table)).all())


def test_all_seven_calls_are_listed_with_their_arguments(program: Program) -> None:
    found = program.client.get(SERVICE, headers=program.headers).json()["calls"]
    assert [each["name"] for each in found] == [
        "predict", "retrain", "info", "change", "save_config", "restore_config", "refresh"
    ]  # fmt: skip
    assert found[-1]["arguments"] == {"num": "10"}
    assert {each["name"] for each in found if each["method"] == "GET"} == {"info", "refresh"}


# predict


def test_predict_answers_each_photo_of_a_folder_below_the_configured_one(program: Program, release: Path) -> None:
    assert program.get("predict").json() == {"folders": ["empty", "sorted", *(f"sorted/{each}" for each in LABELS)]}
    found = program.post("predict", folder="sorted").json()
    assert [(each["file"], each["label"]) for each in found["answers"]] == [
        (f"{label}/one.jpg", label) for label in LABELS
    ]
    assert (found["release"], found["judged"], found["right"]) == (1, 3, 3)
    assert sum(found["answers"][0]["scores"].values()) == pytest.approx(1)


def test_predict_takes_several_photos_and_a_zip_at_once(program: Program, release: Path) -> None:
    packed = zipped({"b/metal/x.jpg": pictures.jpeg("metal"), "__MACOSX/._x.jpg": b"", "b/notes.txt": b"no photo"})
    sent = [("a.jpg", pictures.jpeg("glass")), ("bad.jpg", b"no photo"), ("photos.zip", packed)]
    found = program.post("predict", files=sent).json()
    answers = {each["file"]: (each["label"], each["error"]) for each in found["answers"]}
    assert answers == {
        "a.jpg": ("glass", None),
        "b/metal/x.jpg": ("metal", None),
        "bad.jpg": (None, "unsupported_format"),
    }
    assert found["counts"] == {"glass": 1, "metal": 1}


@pytest.mark.parametrize("folder", ["../elsewhere", "/etc", "way-out", "nowhere", "sorted/../../elsewhere", "x" * 900])
def test_no_folder_outside_of_the_configured_one_is_ever_read(program: Program, release: Path, folder: str) -> None:
    assert program.refusal("predict", folder=folder) == (404, "no_folder")
    assert program.refusal("retrain", folder=folder, mode="from_scratch_all") == (404, "no_folder")


def test_predict_refuses_what_it_cannot_classify(program: Program, release: Path) -> None:
    assert program.refusal("predict") == (400, "one_folder")
    assert program.refusal("predict", folder="sorted", files=[("a.jpg", b"x")]) == (400, "one_folder")
    assert program.refusal("predict", folder="empty") == (400, "no_photo")
    assert program.refusal("predict", fodler="sorted") == (422, "invalid")
    for name in ("../../out.jpg", "/etc/out.jpg", "a/" * 20 + "deep.jpg", "n" * 300 + ".jpg"):
        assert program.refusal("predict", files=[("a.zip", zipped({name: b""}))]) == (400, "bad_folder")
    twice = [("a.jpg", pictures.jpeg()), ("a.jpg", pictures.jpeg())]
    assert program.refusal("predict", files=twice) == (400, "bad_folder")
    damaged = bytearray(zipped({"a.jpg": pictures.jpeg("metal", 3)}))
    damaged[200:300] = bytes(100)
    assert program.refusal("predict", files=[("a.zip", bytes(damaged))]) == (400, "bad_zip")


def test_a_zip_that_unpacks_to_more_than_the_limit_ends_there(
    program: Program, release: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(photo_folders, "MOST_BYTES", 1 << 20)
    bomb = zipped({"a.jpg": bytes(8 << 20)})
    assert len(bomb) < 1 << 16
    assert program.refusal("predict", files=[("a.zip", bomb)]) == (413, "too_many_bytes")
    monkeypatch.setattr(photo_folders, "MOST_FILES", 2)
    assert (
        program.refusal("predict", files=[("a.zip", zipped({f"{n}.jpg": b"" for n in range(3)}))])[1]
        == "too_many_files"
    )


def endless(packed: bytes) -> bytes:
    """A ZIP that says that the list of its files takes 4 GB (APPNOTE 4.3.16)."""
    return packed[:-10] + b"\xff" * 4 + packed[-6:]


def endless_64(packed: bytes) -> bytes:
    """The same in the record of large ZIPs (4.3.14), which counts before the other one."""
    record = b"PK\6\6" + bytes(36) + b"\xff" * 8 + bytes(8)
    return packed[:-22] + record + b"PK\6\7" + bytes(16) + packed[-22:]


@pytest.mark.parametrize("forged", [endless, endless_64])
def test_a_zip_whose_list_of_files_would_fill_memory_is_not_opened(
    program: Program, release: Path, forged: Callable[[bytes], bytes]
) -> None:
    packed = forged(zipped({"a.jpg": pictures.jpeg()}))
    assert program.refusal("predict", files=[("a.zip", packed)]) == (413, "too_many_files")


def test_without_a_model_predict_says_so(program: Program) -> None:
    assert program.refusal("predict", folder="sorted") == (503, "no_model")


# retrain


def test_retrain_imports_a_labelled_folder_then_asks_for_a_run_on_a_new_data_set(
    program: Program, engine: Engine
) -> None:
    answer = program.post("retrain", folder="sorted", from_scratch="true", licence="CC0-1.0")
    assert answer.status_code == 202
    found = answer.json()
    assert found["imported"] == {"added": dict.fromkeys(LABELS, 1), "known": 0, "left_out": 0}
    assert set(found["training_run"]) == {"id", "state", "mode", "snapshot_id", "release_version"}
    assert found["training_run"]["mode"] == "from_scratch"
    assert {(row.gold_label, row.licence, row.origin.split(":")[0]) for row in rows(engine, Photo)} == {
        (label, "CC0-1.0", "sorted") for label in LABELS
    }
    (run,) = rows(engine, TrainingRun)
    assert (run.id, run.recipe["name"], run.weights) == (found["training_run"]["id"], "tiny", "random")
    assert program.client.get(found["watch"], headers=program.headers).json()["requested_by"] == "kim"
    again = program.post("retrain", folder="sorted", from_scratch="true").json()
    assert again["imported"] == {"added": {}, "known": 3, "left_out": 0}


def test_who_adds_photos_by_a_call_stands_in_the_history(program: Program, engine: Engine) -> None:
    program.post("retrain", folder="sorted", from_scratch="true", licence="CC0")
    (event,) = [row for row in rows(engine, AuditEvent) if row.action == "photos.import_requested"]
    assert (event.actor, event.detail) == ("kim", {"name": "sorted", "licence": "CC0"})


def test_verbose_retraining_tells_the_whole_run_and_what_was_left_out(program: Program) -> None:
    sent = zipped({f"{label}/1.jpg": pictures.jpeg(label, 5) for label in LABELS} | {"metal/bad.jpg": b"no photo"})
    found = program.post("retrain", files=[("photos.zip", sent)], mode="from_scratch_all", verbose="on").json()
    assert found["imported"]["left_out"] == 1
    assert [each["file"] for each in found["imported"]["problems"]] == ["bad.jpg"]
    assert found["training_run"]["recipe"]["name"] == "tiny"
    assert found["training_run"]["trigger"] == "hand"


def test_retrain_has_three_modes_and_goes_on_from_the_champion_by_default(
    program: Program, engine: Engine, release: Path
) -> None:
    with transaction(engine) as session:
        snapshot_id = staff_world.frozen_snapshot(session)
    asked: list[dict[str, str]] = [
        {},
        {"from_scratch": "false"},
        {"from_scratch": "true"},
        {"mode": "from_scratch_all"},
    ]
    modes = [program.post("retrain", snapshot_id=snapshot_id, **each).json()["training_run"]["mode"] for each in asked]
    assert modes == ["fine_tune", "fine_tune", "from_scratch", "from_scratch_all"]
    assert {run.snapshot_id for run in rows(engine, TrainingRun)} == {snapshot_id}


def test_retrain_refuses_what_cannot_be_trained(program: Program, engine: Engine) -> None:
    assert program.refusal("retrain") == (409, "no_champion")
    assert program.refusal("retrain", mode="fine_tune", from_scratch="true") == (400, "contradiction")
    assert program.refusal("retrain", mode="from_scratch_all", from_scratch="false") == (400, "contradiction")
    assert program.refusal("retrain", mode="sideways") == (422, "invalid")
    assert program.refusal("retrain", snapshot_id="1", from_scratch="true") == (404, "not_found")
    assert program.refusal("retrain", snapshot_id="1", folder="sorted") == (400, "contradiction")
    assert program.refusal("retrain", from_scratch="true", weights="/etc/passwd") == (400, "bad_weights")
    assert program.refusal("retrain", folder="empty", from_scratch="true") == (400, "bad_folder")
    unknown = zipped({"banana/1.jpg": pictures.jpeg("metal"), "pear/1.jpg": pictures.jpeg("glass")})
    assert program.refusal("retrain", files=[("a.zip", unknown)], from_scratch="true")[0] == 400
    assert rows(engine, TrainingRun) == []


def test_annotations_that_name_files_elsewhere_are_refused(program: Program, engine: Engine, tmp_path: Path) -> None:
    outside = "../../" * 8 + str(tmp_path / "elsewhere" / "secret.jpg")
    coco = {
        "images": [{"id": 1, "file_name": outside, "width": 96, "height": 128}],
        "annotations": [{"id": 1, "image_id": 1, "category_id": 1, "bbox": [0, 0, 96, 128]}],
        "categories": [{"id": 1, "name": "trash"}],
    }
    status, code = program.refusal(
        "retrain", files=[("a.zip", zipped({"annotations.json": json.dumps(coco).encode()}))], from_scratch="true"
    )
    assert (status, code) == (400, "bad_folder")
    assert rows(engine, Photo) == []


# info, change, save_config, restore_config


def test_info_tells_the_running_model_and_how_it_is_retrained(program: Program, release: Path) -> None:
    found = program.get("info").json()
    assert found["running_model"]["version"] == 1
    assert [each["id"] for each in found["running_model"]["label_set"]["labels"]] == list(TRASHNET.ids)
    assert (found["retraining"]["base"], found["retraining"]["changes"]) == ("tiny", {})
    assert (found["retraining"]["weights"], found["retraining"]["mode"]) == ("random", "from_scratch_all")


def test_without_a_model_info_still_tells_how_one_trains(program: Program) -> None:
    assert program.get("info").json()["running_model"] is None


def test_a_change_lies_in_ones_own_draft_and_is_what_the_next_run_takes(
    program: Program, client: httpx.Client, engine: Engine, settings: Settings
) -> None:
    changed = [("batch_size", "7"), ("head.dropout", "0.25"), ("epochs", "3"), ("class_weights", "none")]
    for param, value in changed:
        assert program.post("change", param=param, value=value).status_code == 200
    recipe = program.get("info").json()["retraining"]["recipe"]
    assert (recipe["batch_size"], recipe["head"]["dropout"], recipe["stages"][-1]["epochs"]) == (7, 0.25, 3)
    program.post("retrain", from_scratch="true")
    (run,) = rows(engine, TrainingRun)
    assert (run.recipe["batch_size"], run.recipe["class_weights"]) == (7, "none")
    colleague = Program(client, token_of(engine, settings, "lee"))
    assert colleague.get("info").json()["retraining"]["changes"] == {}
    begun_anew = program.post("change", param="recipe", value="mobilenet_v2").json()["retraining"]
    assert (begun_anew["base"], begun_anew["changes"]) == ("mobilenet_v2", {})


def test_a_change_may_come_as_json(program: Program) -> None:
    sent = {"param": "input_edge", "value": 64}
    answer = program.client.post(f"{SERVICE}/change", json=sent, headers=program.headers)
    assert answer.json()["retraining"]["changes"] == {"input_edge": 64}
    for broken in (b"[1]", b"{", b"[" * 100_000):
        headers = program.headers | {"Content-Type": "application/json"}
        refused = program.client.post(f"{SERVICE}/change", content=broken, headers=headers)
        assert (refused.status_code, refused.json()["code"]) == (400, "bad_json")


@pytest.mark.parametrize(
    ("param", "value"),
    [
        ("batch_size", "0"), ("batch_size", "many"), ("head.colour", "1"), ("nothing", "1"), ("head", "1"),
        ("epochs", "few"), ("epochs", "0"), ("recipe", "unheard_of"), ("recipe", "../recipe"), ("split", "[1,1,1]"),
        ("momentum", "NaN"), ("stages", "[" * 5000), ("__class__", "1"), ("input_edge", "1e999"),
    ],
)  # fmt: skip
def test_a_change_that_cannot_be_trained_is_refused_and_kept_from_the_draft(
    program: Program, engine: Engine, param: str, value: str
) -> None:
    assert program.refusal("change", param=param, value=value) == (400, "bad_recipe")
    assert rows(engine, RecipeDraft) == []


def test_a_change_needs_both_of_its_arguments(program: Program) -> None:
    for sent in ({}, {"param": "batch_size"}, {"value": "3"}, {"param": "p" * 101, "value": "3"}):
        assert program.refusal("change", **sent) == (422, "invalid")


def test_a_draft_is_saved_and_restored_by_name_once_that_is_confirmed(program: Program, engine: Engine) -> None:
    program.post("change", param="batch_size", value="5")
    assert program.refusal("save_config") == (400, "confirmation_needed")
    assert rows(engine, RecipeConfiguration) == []
    assert program.post("save_config", confirm="true").json()["retraining"]["saved"] == ["default"]
    program.post("save_config", confirm="true", path="small batches")
    program.post("change", param="batch_size", value="9")
    assert program.refusal("restore_config", path="small batches") == (400, "confirmation_needed")
    assert program.get("info").json()["retraining"]["changes"] == {"batch_size": 9}
    for path in ({}, {"path": "small batches"}):
        program.post("change", param="batch_size", value="9")
        restored = program.post("restore_config", confirm="true", **path).json()["retraining"]
        assert restored["changes"] == {"batch_size": 5}


def test_the_default_that_nobody_saved_is_what_the_operator_has_set(program: Program) -> None:
    program.post("change", param="recipe", value="mobilenet_v2")
    assert program.post("restore_config", confirm="true").json()["retraining"]["base"] == "tiny"


def test_a_configuration_is_a_name_and_never_a_path(program: Program) -> None:
    assert program.refusal("restore_config", confirm="true", path="/etc/passwd") == (404, "not_found")
    assert program.refusal("restore_config", confirm="true", path="n" * 61) == (422, "invalid")
    assert program.refusal("save_config", confirm="perhaps") == (422, "invalid")


# refresh


def samples_of(session: Session, parts: Parts, number: int, **columns: Any) -> None:
    for each in range(number):
        row = staff_world.gold(session, "glass", **columns)
        photo_store.put(parts.storage, PhotoId(row.id), pictures.jpeg("glass", each))


def test_refresh_draws_ten_photos_by_chance_unless_told_otherwise(
    program: Program, engine: Engine, parts: Parts
) -> None:
    with transaction(engine) as session:
        samples_of(session, parts, 14)
        samples_of(session, parts, 3, allow_review=False)
        samples_of(session, parts, 3, state=PhotoState.WITHDRAWN)
    first, *others = (program.get("refresh").json()["samples"] for _ in range(9))
    assert len(first) == len({each["photo_id"] for each in first}) == 10
    assert any(each != first for each in others), "by chance the same nine times: once in 14 to the power of 8"
    assert len(program.get("refresh", num=50).json()["samples"]) == 14
    picture = program.client.get(first[0]["url"], headers=program.headers)
    assert (picture.headers["content-type"], picture.content[:2]) == ("image/jpeg", b"\xff\xd8")
    for num in ("0", "51", "ten"):
        assert program.get("refresh", num=num).status_code == 422


def test_samples_are_of_the_areas_where_one_works(
    client: httpx.Client, engine: Engine, settings: Settings, parts: Parts
) -> None:
    with transaction(engine) as session:
        samples_of(session, parts, 2, place="north")
        samples_of(session, parts, 2, place="south")
        south = session.exec(select(Photo.id).where(Photo.place == "south")).first()
    northerner = Program(client, token_of(engine, settings, "nor", ["north"]))
    assert {each["place"] for each in northerner.get("refresh").json()["samples"]} == {"north"}
    assert northerner.get(f"photos/{south}").status_code == 404


# Who may


def test_a_token_in_the_address_or_a_cookie_without_its_secret_opens_nothing(program: Program) -> None:
    token = program.headers["Authorization"].removeprefix("Bearer ")
    for headers, code in (
        ({}, "not_signed_in"),
        ({"Authorization": "Bearer nonsense"}, "not_signed_in"),
        ({"Authorization": f"Basic {token}"}, "not_signed_in"),
        ({"Cookie": f"wastelens={token}"}, "stale_form"),
        ({"Authorization": "Bearer nonsense", "Cookie": f"wastelens={token}"}, "not_signed_in"),
        ({"Authorization": f"Bearer {token}", "Sec-Fetch-Site": "cross-site"}, "cross_site"),
    ):
        sent = {"param": "batch_size", "value": "3"}
        answer = program.client.post(f"{SERVICE}/change", data=sent, headers={"Accept": "application/json", **headers})
        program.client.cookies.clear()
        assert answer.json()["code"] == code


# In the browser


@pytest.fixture
def engineer(sign_in: Callable[..., Visit]) -> Iterator[Visit]:
    yield sign_in("edda", Role.ENGINEER)


def test_an_engineer_does_all_of_it_in_the_browser(
    engineer: Visit, engine: Engine, parts: Parts, release: Path
) -> None:
    with transaction(engine) as session:
        samples_of(session, parts, 6)
        make_current(session, 1)
    page = engineer.open(SERVICE)
    engineer.look("service")
    page.click("text=Classify >> nth=0")
    page.set_input_files("#files", {"name": "<b>x.jpg", "mimeType": "image/jpeg", "buffer": pictures.jpeg("metal")})
    page.click("main form button")
    assert page.inner_text("tbody th") == "<b>x.jpg"
    assert page.inner_text("tbody td") == "Metal"
    engineer.look("service-predict")
    engineer.open(f"{SERVICE}/info")
    page.select_option("#param", "batch_size")
    page.fill("#value", "4")
    page.click("form[action$=change] button")
    assert "batch_size" in page.inner_text(".said")
    page.fill("#value", "<script>window.hit=1</script>")
    page.click("form[action$=change] button")
    assert "recipe" in page.inner_text("[role=alert]")
    page.fill("#save-path", "edda's")
    page.check("form[action$=save_config] [name=confirm]")
    page.click("form[action$=save_config] button")
    assert "edda's" in page.inner_text(".said")
    engineer.look("service-info")
    engineer.open(f"{SERVICE}/retrain")
    page.select_option("#mode", "from_scratch_all")
    page.select_option("#folder", "sorted")
    page.click("main form button")
    expect(page.locator("main")).to_contain_text("Photos added: 3")
    engineer.look("service-retrain")
    engineer.open(f"{SERVICE}/refresh?num=4")
    assert page.locator(".samples img").count() == 4
    engineer.look("service-refresh")
    (run,) = rows(engine, TrainingRun)
    assert run.recipe["batch_size"] == 4


@pytest.mark.parametrize(("locale", "metal"), [("vi", "Kim loại"), ("zh", "金属")])
def test_the_service_reads_well_in_other_languages(
    sign_in: Callable[..., Visit], release: Path, locale: str, metal: str
) -> None:
    visitor = sign_in("edda", Role.ENGINEER, locale=locale)
    for name in ("", "/predict", "/info", "/retrain", "/refresh"):
        visitor.open(SERVICE + name)
        visitor.look(f"service{name.replace('/', '-')}-{locale}")
        if name == "/info":
            assert metal in visitor.page.inner_text("main")
