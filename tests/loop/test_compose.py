"""docker-compose.yml is real: its services, run as processes on a real PostgreSQL and Redis, play the loop."""

import re
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from backend.settings import PREFIX, Settings
from mobile_models import bundled
from mobile_models.updates import staged_targets
from mobile_models.updates.keys import signing_keys
from phone.client import Phone, UpdateState
from phone.submission import Submission
from tests import pictures
from tests.loop import compose
from tests.services import free_port
from tests.waiting import PATIENCE_SECONDS, wait_until

PHOTOS_PER_LABEL = 40
PASSWORD = "a password of the first administrator"
WORKERS = ["inspect", "train", "publish"]


@pytest.fixture
def keys(tmp_path: Path) -> Path:
    """Two people hold a key of `targets` each; the server gets `online` only."""
    folder = tmp_path / "keys"
    signing_keys.init(folder, targets_keys=2, targets_threshold=2)
    return folder


@pytest.fixture
def host(tmp_path: Path, keys: Path, postgres_url: str, redis_url: str) -> compose.Host:
    secrets, data = tmp_path / "secrets", tmp_path / "data"
    secrets.mkdir()
    data.mkdir()
    contents = {"database_url": postgres_url, "administrator_password": PASSWORD, "s3_secret_access_key": ""}
    for name, content in contents.items():
        (secrets / name).write_text(content)
    replacements = {
        "/run/secrets": str(secrets),
        "/keys": str(keys / "online"),
        "/data": str(data),
        "/tmp/schedule.db": str(tmp_path / "schedule.db"),
        "redis://queue:6379/0": redis_url,
        "0.0.0.0": "127.0.0.1",  # noqa: S104  # What a container listens on; tests stay on this machine.
    }
    read = compose.read({})
    port = str(free_port())
    for name in compose.ours(read):
        read["services"][name]["environment"]["WASTELENS_PORT"] = port
    return compose.Host(read, tmp_path, replacements)


class Staff:
    """Somebody of the staff, through the HTTP interface. One connection a request, so nothing stays open."""

    def __init__(self, url: str, name: str, password: str) -> None:
        self._url, self._headers = url, dict[str, str]()
        token = self.post("/v1/staff/sign-in", name=name, password=password)["token"]
        self._headers["Authorization"] = f"Bearer {token}"

    def get(self, path: str) -> Any:
        return self._content(httpx.get(self._url + path, headers=self._headers, timeout=PATIENCE_SECONDS))

    def get_bytes(self, path: str) -> bytes:
        return httpx.get(self._url + path, headers=self._headers, timeout=PATIENCE_SECONDS).raise_for_status().content

    def post(self, path: str, **body: object) -> Any:
        return self._content(httpx.post(self._url + path, json=body, headers=self._headers, timeout=PATIENCE_SECONDS))

    @staticmethod
    def _content(answer: httpx.Response) -> Any:
        assert answer.is_success, f"{answer.request.url}: {answer.status_code} {answer.text}"
        return answer.json() if answer.content else None


@pytest.fixture
def city(host: compose.Host) -> Iterator[str]:
    """The address of a running city."""
    prepared = host.run_to_end("prepare")
    assert prepared.returncode == 0, prepared.stderr
    port = host.compose["services"]["server"]["environment"]["WASTELENS_PORT"]
    with host.started(["server", *WORKERS, "schedule"]):
        for name in ("server", *WORKERS, "schedule"):
            host.wait_until_healthy(name)
        yield f"http://127.0.0.1:{port}"


@pytest.mark.timeout(600)
def test_the_services_play_the_loop_and_two_people_sign(
    host: compose.Host, city: str, keys: Path, tmp_path: Path
) -> None:
    anna, ben = _two_engineers(city)
    _import_labelled_photos(host, tmp_path / "labelled")
    root = (keys / "online" / "root.json").read_bytes()
    with closing(Phone(tmp_path / "phone", city, root, bundled.newest())) as phone:
        _resident_corrects_a_photo(phone)
        _reviewer_agrees(anna)
        _wait_until_it_is_inspected(anna, host)
        version = _retrain(anna, host)
        _two_people_approve_and_sign(anna, ben, version, phone, keys, host)

        assert phone.update() is UpdateState.UPDATED
        assert phone.release == version
        assert phone.classify(pictures.jpeg("glass", seed=9000)).prediction.release == version


def _two_people_approve_and_sign(
    anna: Staff, ben: Staff, version: int, phone: Phone, keys: Path, host: compose.Host
) -> None:

    anna.post(f"/v1/releases/{version}/approve", rollout_percent=100, reason="better")
    assert _state(anna, version) == "proposed", "one approval is not enough"
    ben.post(f"/v1/releases/{version}/approve", rollout_percent=100, reason="I have read the report")
    wait_until(lambda: _state(anna, version) == "awaiting_signatures", explain=lambda: host.log("publish"))

    _sign(anna, version, keys / "targets-1.pem")
    wait_until(lambda: len(anna.get(f"/v1/releases/{version}")["signed_by"]) == 1)
    assert phone.update() is not UpdateState.UPDATED, "the worker and one person must not be enough"
    _sign(ben, version, keys / "targets-2.pem")
    wait_until(lambda: _state(anna, version) == "published", explain=lambda: host.log("publish"))


def test_production_refuses_to_start_without_keys_that_people_made(host: compose.Host, keys: Path) -> None:
    for file in (keys / "online").iterdir():
        file.unlink()
    prepared = host.run_to_end("prepare")
    assert prepared.returncode == 1
    assert "wastelens keys init" in prepared.stderr
    assert "Traceback" not in prepared.stderr


def test_every_service_that_runs_on_has_a_health_check() -> None:
    services = compose.read({})["services"]
    without = {name for name, service in services.items() if "healthcheck" not in service}
    assert without == {"prepare"}


def test_secrets_come_as_files_and_signing_keys_reach_only_those_who_publish() -> None:
    read = compose.read({})
    for name in compose.ours(read):
        service = read["services"][name]
        secret = [key for key in service["environment"] if re.search("PASSWORD|SECRET|DATABASE_URL", key)]
        assert all(key.endswith("_FILE") for key in secret), name
    with_keys = {name for name in compose.ours(read) if "WASTELENS_KEYS_DIR" in read["services"][name]["environment"]}
    assert with_keys == {"prepare", "publish"}


def test_every_setting_in_the_file_exists() -> None:
    known = {PREFIX + name.upper() for name in Settings.model_fields}
    read = compose.read({})
    used = {key.removesuffix("_FILE") for name in compose.ours(read) for key in read["services"][name]["environment"]}
    assert used <= known


def test_the_images_of_the_dockerfile_are_those_of_the_services() -> None:
    stages = set(re.findall(r"^FROM \S+ AS (\w+)$", (compose.ROOT / "Dockerfile").read_text(), re.MULTILINE))
    read = yaml.safe_load(compose.FILE.read_text())
    targets = {service["build"]["target"] for service in read["services"].values() if "build" in service}
    assert targets <= stages
    assert read["services"]["train"]["build"]["target"] == "train"
    lock = (compose.ROOT / "requirements" / "server.txt").read_text()
    assert not re.search(r"^(tensorflow|keras)", lock, re.MULTILINE), "the server's image must not hold TensorFlow"


def _two_engineers(city: str) -> tuple[Staff, Staff]:
    administrator = Staff(city, "administrator", PASSWORD)
    for name in ("Anna", "Ben"):
        administrator.post("/v1/staff", name=name, role="engineer", password=f"{name} has a long password")
    return Staff(city, "Anna", "Anna has a long password"), Staff(city, "Ben", "Ben has a long password")


def _import_labelled_photos(host: compose.Host, folder: Path) -> None:
    for label in pictures.COLOURS:
        (folder / label).mkdir(parents=True)
        for seed in range(PHOTOS_PER_LABEL):
            (folder / label / f"{seed}.jpg").write_bytes(pictures.jpeg(label, seed))
    command = ["wastelens", "import", str(folder), "--source", "drawn", "--licence", "CC0-1.0"]
    imported = host.run("prepare", command)
    assert imported.returncode == 0, imported.stdout + imported.stderr


def _resident_corrects_a_photo(phone: Phone) -> None:
    photo = pictures.jpeg("metal", seed=5000)
    chosen = Submission(correction="metal", allow_review=True, allow_training=True)
    phone.keep(photo, phone.classify(photo), chosen)
    assert phone.send().delivered == 1


def _wait_until_it_is_inspected(reviewer: Staff, host: compose.Host) -> None:
    def nothing_waits() -> bool:
        return reviewer.get("/v1/review/queue")["awaiting_inspection"] == 0

    wait_until(nothing_waits, explain=lambda: host.log("inspect"))


def _reviewer_agrees(reviewer: Staff) -> None:
    wait_until(lambda: reviewer.get("/v1/review/queue")["waiting"] == 1)
    (item,) = reviewer.post("/v1/review/claims", count=5)["items"]
    assert item["shown_label"] == "metal"
    said = reviewer.post(f"/v1/review/photos/{item['photo_id']}/verdict", verdict="agree", label="metal")
    assert said["gold_label"] == "metal"


def _retrain(engineer: Staff, host: compose.Host) -> int:
    run = engineer.post("/v1/training-runs", recipe="tiny", weights="random", seed=1)
    path = f"/v1/training-runs/{run['id']}"

    def has_ended() -> bool:
        return engineer.get(path)["state"] not in ("requested", "running")

    wait_until(has_ended, seconds=300, explain=lambda: host.log("train"))
    ended = engineer.get(path)
    assert ended["state"] == "blessed", (ended["error"], host.log("train"))
    assert ended["progress"]["epoch"] == ended["progress"]["epochs"]
    version: int = ended["release_version"]
    return version


def _state(person: Staff, version: int) -> str:
    state: str = person.get(f"/v1/releases/{version}")["state"]
    return state


def _sign(person: Staff, version: int, key: Path) -> None:
    staged = person.get_bytes(f"/v1/releases/{version}/staged")
    signature = staged_targets.sign_staged(staged, signing_keys.load_signer(key))
    person.post(f"/v1/releases/{version}/signatures", **vars(signature))
