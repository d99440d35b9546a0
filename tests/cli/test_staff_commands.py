"""`wastelens staff`, `wastelens import` and `wastelens releases`, as people type them, against a real server."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import obstore
import obstore.exceptions
import pyotp
import pytest
from sqlmodel import update
from typer import Typer
from typer.testing import CliRunner

from backend import desired_updates, first_start, publisher
from backend.api.dependencies import Parts
from backend.database import connect, now, transaction
from backend.people import second_factor, staff
from backend.releasing import releases
from backend.settings import Settings
from backend.tables import Release, ReleaseState, Role, StaffCode
from cli import import_gold
from cli import releases as release_commands
from cli import staff as staff_commands
from mobile_models.updates.keys import signing_keys
from mobile_models.updates.publishing import repository
from mobile_models.updates.publishing.repository import DesiredRelease, DesiredState
from tests import hardware_key, pictures, tiny_model, updates
from tests.backend.staff_world import PASSWORD, person, proposed
from tests.backend.world import running

runner = CliRunner()
import_app = Typer()
import_app.command()(import_gold.import_gold)


@pytest.fixture
def settings(tmp_path: Path, migrated_sqlite_url: str, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """A city on this disk, which the commands find by their environment."""
    bundled = tiny_model.release_folder(tmp_path / "bundled")
    monkeypatch.setenv("WASTELENS_DATA_DIR", str(tmp_path / "var"))
    monkeypatch.setenv("WASTELENS_DATABASE_URL", migrated_sqlite_url)
    monkeypatch.setenv("WASTELENS_BUNDLED_RELEASE", str(bundled))
    settings = Settings()
    first_start.prepare(settings)
    return settings


@pytest.fixture
def server(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[httpx.Client, Parts]]:
    """The server, with an engineer called eve whose token the commands find."""
    with running(settings) as (client, parts):
        with transaction(parts.engine) as session:
            person(session, "eve", Role.ENGINEER)
        monkeypatch.setenv("WASTELENS_SERVER", str(client.base_url))
        token = runner.invoke(staff_commands.app, ["sign-in", "eve", "--password", PASSWORD]).output.strip()
        monkeypatch.setenv("WASTELENS_TOKEN", token)
        yield client, parts


def test_somebody_is_added_with_a_password_that_works(settings: Settings, server: tuple[httpx.Client, Parts]) -> None:
    added = runner.invoke(staff_commands.app, ["add", "bob", "--role", "reviewer"])
    password = added.output.strip().rpartition(" ")[2]
    assert runner.invoke(staff_commands.app, ["sign-in", "bob", "--password", password]).exit_code == 0
    changed = runner.invoke(staff_commands.app, ["reset-password", "bob"]).output.strip().rpartition(" ")[2]
    refused = runner.invoke(staff_commands.app, ["sign-in", "bob", "--password", password])
    assert (refused.exit_code, "Name and password do not fit" in refused.output) == (1, True)
    assert runner.invoke(staff_commands.app, ["sign-in", "bob", "--password", changed]).exit_code == 0


def test_somebody_is_added_for_some_areas_alone(settings: Settings) -> None:
    arguments = ["add", "bob", "--area", "Old Town", "--area", "Northside"]
    assert runner.invoke(staff_commands.app, arguments).exit_code == 0
    engine = connect(settings.resolved_database_url)
    with transaction(engine) as session:
        areas = {each.name: each.areas for each in staff.everybody(session)}
    engine.dispose()
    assert areas["bob"] == ["Northside", "Old Town"]


def test_a_second_factor_is_asked_for_and_can_be_reset_on_this_host(
    settings: Settings, server: tuple[httpx.Client, Parts]
) -> None:
    seal = second_factor.seal(settings)
    with transaction(server[1].engine) as session:
        eve = staff.called(session, "eve")
        second_factor.begin(session, seal, eve.id)
        code = pyotp.TOTP(second_factor.pending(session, seal, eve.id, "eve").secret)
        second_factor.confirm(session, seal, eve.id, code.now(), by="eve")
        session.connection().execute(update(StaffCode).values(last_step=0))  # As if it had been long ago.
    sign_in = ["sign-in", "eve", "--password", PASSWORD]
    refused = runner.invoke(staff_commands.app, sign_in)
    assert (refused.exit_code, "Send the code" in refused.output) == (1, True)
    assert runner.invoke(staff_commands.app, [*sign_in, "--code", code.now()]).exit_code == 0
    assert runner.invoke(staff_commands.app, ["reset-factors", "eve"]).exit_code == 0
    assert runner.invoke(staff_commands.app, sign_in).exit_code == 0


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["add", "bob", "--role", "king"], "must be one of reviewer, engineer, guide_editor, administrator, auditor"),
        (["add", "administrator"], "somebody called administrator already"),
        (["add", "bob", "--area", " "], "Name at least one area"),
        (["reset-password", "nobody"], "nobody called nobody"),
        (["reset-factors", "nobody"], "nobody called nobody"),
    ],
)
def test_what_cannot_be_is_said_in_a_sentence(settings: Settings, arguments: list[str], reason: str) -> None:
    answer = runner.invoke(staff_commands.app, arguments)
    assert answer.exit_code == 1
    assert reason in answer.output


def test_import_says_what_is_new_known_and_left_out(settings: Settings, tmp_path: Path) -> None:
    for seed in range(2):
        file = tmp_path / "photos" / "glass" / f"{seed}.jpg"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(pictures.jpeg("glass", seed))
    (tmp_path / "photos" / "glass" / "broken.jpg").write_bytes(b"not a photo")
    command = [str(tmp_path / "photos"), "--source", "trashnet", "--licence", "MIT"]
    first, second = runner.invoke(import_app, command), runner.invoke(import_app, command)
    assert (first.exit_code, second.exit_code) == (0, 0), first.output
    assert "2 photos are new, 0 were known, 1 left out." in first.output
    assert "broken.jpg" in first.output
    assert "0 photos are new, 2 were known, 1 left out." in second.output


@pytest.mark.parametrize(
    ("given", "complaint"),
    [
        ("nowhere", "There is no folder"),
        ("photo.jpg", "is a file"),
        ("empty", "holds no photo in a known layout"),
        ("numbers", "names for the classes 0 to 0, and a photo of class 7"),
    ],
)
def test_import_of_what_is_no_labelled_folder_says_what_is_wrong(
    settings: Settings, tmp_path: Path, given: str, complaint: str
) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "photo.jpg").write_bytes(pictures.jpeg("glass"))
    (tmp_path / "numbers").mkdir()
    (tmp_path / "numbers" / "1.jpg").write_bytes(pictures.jpeg("glass"))
    (tmp_path / "numbers" / "1.txt").write_text("1.jpg, 7")
    (tmp_path / "names.txt").write_text("Glass\n")
    options = ["--source", "x", "--licence", "MIT", "--names", str(tmp_path / "names.txt")]
    answer = runner.invoke(import_app, [str(tmp_path / given), *options])
    assert (answer.exit_code, answer.exception.__class__) == (1, SystemExit)
    assert complaint in answer.output


def test_import_through_a_label_map_takes_what_it_names(settings: Settings, tmp_path: Path) -> None:
    for number, name in enumerate(("Wine Bottle", "banana", "???")):
        file = tmp_path / "photos" / name / "1.jpg"
        file.parent.mkdir(parents=True)
        file.write_bytes(b"" if name == "banana" else pictures.jpeg("glass", number))
    (tmp_path / "map.csv").write_text("name,label\nwine bottle,glass\n")
    command = [str(tmp_path / "photos"), "--source", "x", "--licence", "MIT", "--label-map", str(tmp_path / "map.csv")]
    assert "'???' cannot be a label" in runner.invoke(import_app, command[:-2]).output
    answer = runner.invoke(import_app, command)
    assert "1 photos are new, 0 were known, 2 left out.\n  glass: 1" in answer.output
    assert "its class ??? is not in the label map" in answer.output


def test_import_into_a_full_store_says_so_and_goes_on_when_there_is_room(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "photos" / "glass" / "1.jpg"
    file.parent.mkdir(parents=True)
    file.write_bytes(pictures.jpeg("glass"))

    def is_full(*_: object) -> None:
        raise obstore.exceptions.GenericError("Unable to copy data to file: No space left on device\n\nDebug source")

    command = [str(tmp_path / "photos"), "--source", "x", "--licence", "MIT"]
    with monkeypatch.context() as patched:
        patched.setattr("backend.intake.photo_store.put", is_full)
        refused = runner.invoke(import_app, command)
    assert refused.exit_code == 1
    assert "cannot be stored: Unable to copy data to file: No space left on device." in refused.output
    assert "1 photos are new" in runner.invoke(import_app, command).output


def test_import_of_an_unknown_label_is_refused_with_what_to_do(settings: Settings, tmp_path: Path) -> None:
    file = tmp_path / "photos" / "rocks" / "1.jpg"
    file.parent.mkdir(parents=True)
    file.write_bytes(pictures.jpeg("glass"))
    answer = runner.invoke(import_app, [str(tmp_path / "photos"), "--source", "x", "--licence", "MIT"])
    assert answer.exit_code == 1
    assert "no known labels: rocks" in answer.output


def test_a_release_is_approved_signed_halted_and_listed(
    server: tuple[httpx.Client, Parts], tmp_path: Path, settings: Settings
) -> None:
    _, parts = server
    with transaction(parts.engine) as session:
        proposed(session, settings)
    approved = runner.invoke(release_commands.app, ["approve", "2", "--percent", "5"])
    assert "Release 2 is approved, approvals 1 of 1, rollout 1 running at 5 % of stable." in approved.output
    keys = _await_signatures(parts, tmp_path)
    command = ["sign", "2", "--key", str(keys / updates.ANNA)]
    assert runner.invoke(release_commands.app, command, input="n\n").exit_code == 1
    signed = runner.invoke(release_commands.app, [*command, "--yes"])
    assert signed.exit_code == 0, signed.output
    assert "release 2, manifest" in signed.output and "<- joins" in signed.output
    with transaction(parts.engine) as session:
        assert len(releases.signatures(session, 2)) == 1
    wrong = runner.invoke(release_commands.app, ["sign", "2", "--yes", "--key", str(keys / "root-1.pem")])
    assert (wrong.exit_code, "may not sign targets; use one that the root names" in wrong.output) == (1, True)
    listed = runner.invoke(release_commands.app, ["list"], env={"COLUMNS": "120"}).output
    assert "awaiting_signatures" in listed
    withdrawn = runner.invoke(release_commands.app, ["withdraw", "2", "--reason", "never mind"])
    assert "Release 2 is withdrawn" in withdrawn.output


def test_a_release_is_signed_offline_with_a_stick_and_a_key_in_hardware(
    server: tuple[httpx.Client, Parts], tmp_path: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, parts = server
    with transaction(parts.engine) as session:
        proposed(session, settings)
    runner.invoke(release_commands.app, ["approve", "2", "--percent", "5"])
    keys = _await_signatures(parts, tmp_path)
    staged, signature = tmp_path / "staged.json", tmp_path / "signature.json"
    runner.invoke(release_commands.app, ["fetch-staged", "2", "--output", str(staged)])
    command = ["sign", "--staged", str(staged), "--root", str(keys / "online" / "root.json"), "--yes"]
    key = ["--key", f"{hardware_key.SCHEME}:{keys / updates.BERT}"]
    nowhere = runner.invoke(release_commands.app, [*command, *key])
    assert (nowhere.exit_code, "Say with --output" in nowhere.output) == (1, True)
    monkeypatch.setattr("getpass.getpass", lambda _: hardware_key.PIN)
    with hardware_key.plugged_in():
        signed = runner.invoke(release_commands.app, [*command, *key, "--output", str(signature)])
    assert signed.exit_code == 0, signed.output
    assert "release 2, manifest" in signed.output and "holds until" in signed.output

    damaged = signature.read_text()
    signature.write_text(damaged.replace('"signature": "30', '"signature": "31'))
    refused = runner.invoke(release_commands.app, ["add-signature", "2", str(signature)])
    assert (refused.exit_code, "does not verify" in refused.output) == (1, True)
    signature.write_text(damaged)
    sent = runner.invoke(release_commands.app, ["add-signature", "2", str(signature)])
    assert sent.exit_code == 0, sent.output
    with transaction(parts.engine) as session:
        assert len(releases.signatures(session, 2)) == 1
    obstore.put(parts.storage, publisher.staged_key(2), _staged_anew(parts, keys))
    stale = runner.invoke(release_commands.app, ["add-signature", "2", str(signature)])
    assert (stale.exit_code, "fetch the newest one and sign that" in stale.output) == (1, True)


def _staged_anew(parts: Parts, keys: Path) -> bytes:
    """What is staged once another release was published first."""
    model = tiny_model.model_bytes(2)
    release = DesiredRelease(2, tiny_model.manifest(model, 2).to_bytes(), lambda: model)
    repository.reconcile(parts.updates, signing_keys.load(keys), DesiredState((updates.release(3),), {}))
    state = DesiredState((updates.release(3), release), {})
    return repository.reconcile(parts.updates, signing_keys.load(keys / "online"), state).awaiting[2].staged


def _await_signatures(parts: Parts, tmp_path: Path) -> Path:
    """The publisher of a city with threshold 2 has staged release 2."""
    signing_keys.init(tmp_path / "keys", targets_keys=2, targets_threshold=2)
    keys = signing_keys.load(tmp_path / "keys" / "online")
    for page in obstore.list(parts.updates):
        for found in page:
            obstore.delete(parts.updates, found["path"])
    model = tiny_model.model_bytes(2)
    release = DesiredRelease(2, tiny_model.manifest(model, 2).to_bytes(), lambda: model)
    outcome = repository.reconcile(parts.updates, keys, DesiredState((release,), {}))
    obstore.put(parts.storage, publisher.staged_key(2), outcome.awaiting[2].staged)
    with transaction(parts.engine) as session:
        desired_updates.settle(session, outcome, now())
        assert session.get_one(Release, 2).state == ReleaseState.AWAITING_SIGNATURES
    return tmp_path / "keys"


def test_a_server_that_is_away_is_said_in_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WASTELENS_SERVER", "http://127.0.0.1:9")
    answer = runner.invoke(release_commands.app, ["list"])
    assert answer.exit_code == 1
    assert "does not answer" in answer.output
