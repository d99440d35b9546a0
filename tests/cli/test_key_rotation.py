"""`wastelens keys`, as people type it when a key is lost or stolen, or a person joins."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import Result
from obstore.store import LocalStore
from typer.testing import CliRunner

from cli.keys import app
from mobile_models.updates.keys import signing_keys
from mobile_models.updates.publishing import repository
from mobile_models.updates.publishing.published_updates import open_client
from mobile_models.updates.publishing.repository_files import read_chain
from tests import hardware_key, updates
from tests.hardware_key import PIN, SCHEME
from tests.updates import desired


class City:
    def __init__(self, folder: Path) -> None:
        self.keys, self.updates = folder / "keys", folder / "updates"
        signing_keys.init(self.keys, targets_keys=2, targets_threshold=2, root_keys=2, root_threshold=2)
        self.store = LocalStore(self.updates, mkdir=True)
        repository.reconcile(self.store, signing_keys.load(self.keys), desired(1, current=1))

    @property
    def root(self) -> Path:
        return self.updates / "metadata" / f"{read_chain(self.store).root.signed.version}.root.json"

    @property
    def place(self) -> list[str]:
        return ["--repository", str(self.updates), "--keys-dir", str(self.keys / "online")]

    def contents(self) -> dict[Path, bytes]:
        return {path: path.read_bytes() for path in self.updates.rglob("*") if path.is_file()}


@pytest.fixture
def city(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> City:
    (tmp_path / "desk").mkdir()
    monkeypatch.chdir(tmp_path / "desk")
    return City(tmp_path)


def keys(*arguments: object, answer: str = "") -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments], input=answer)


def test_a_stolen_online_key_is_replaced_by_two_people_with_a_rehearsal(city: City, tmp_path: Path) -> None:
    phone = tmp_path / "phone"
    phone.mkdir()
    trusted = (city.keys / "online" / "root.json").read_bytes()
    open_client(city.store, phone, trusted).refresh()

    new = city.keys / "online" / "online-2.pem"
    assert "Its id is" in keys("new", new).output
    stolen = city.keys / "public" / "online.pem"
    begun = keys(
        "rotate", "snapshot", "timestamp", "--root", city.root, "--key", city.keys / "root-1.pem",
        "--add", new.with_suffix(".pub"), "--remove", stolen,
    )  # fmt: skip
    assert begun.exit_code == 0, begun.output
    assert "<- leaves" in begun.output and "Wrote 2.root.json. It needs 1 more" in begun.output
    early = keys("publish", "2.root.json", *city.place)
    assert (early.exit_code, "signed by too few people, 1 missing" in early.output) == (1, True)

    signed = keys("sign", "2.root.json", "--root", city.root, "--key", city.keys / "root-2.pem", answer="y\n")
    assert "snapshot: 1 of 1 keys must sign" in signed.output and "<- joins" in signed.output
    assert "All have signed it; on the publisher's host: wastelens keys publish 2.root.json" in signed.output

    before = city.contents()
    rehearsed = keys("publish", "2.root.json", "--rehearse", *city.place)
    assert rehearsed.exit_code == 0, rehearsed.output
    assert "a phone that was up to date comes through" in rehearsed.output
    assert "a phone of the first root comes through" in rehearsed.output
    assert city.contents() == before

    done = keys("publish", "2.root.json", *city.place)
    assert (done.exit_code, "Published." in done.output) == (0, True), done.output
    assert city.root.name == "2.root.json"
    (city.keys / "online" / "online.pem").unlink()
    open_client(city.store, phone, trusted).refresh()
    ring = signing_keys.load(city.keys / "online")
    assert repository.reconcile(city.store, ring, desired(1, current=None)).changed


def test_a_rehearsal_of_a_rotation_writes_nothing(city: City) -> None:
    new = city.keys / "online" / "online-2.pem"
    keys("new", new)
    before, desk = city.contents(), list(Path.cwd().iterdir())
    rehearsed = keys(
        "rotate", "timestamp", "--root", city.root, "--add", new.with_suffix(".pub"), "--rehearse", *city.place,
        "--key", city.keys / "root-1.pem", "--key", city.keys / "root-2.pem",
    )  # fmt: skip
    assert rehearsed.exit_code == 0, rehearsed.output
    assert "Rehearsed on a copy: root 2" in rehearsed.output
    assert (city.contents(), list(Path.cwd().iterdir())) == (before, desk)


def test_a_rotation_that_would_fail_says_so_in_the_rehearsal(city: City, tmp_path: Path) -> None:
    keys("new", tmp_path / "elsewhere.pem")
    rehearsed = keys(
        "rotate", "timestamp", "--root", city.root, "--add", tmp_path / "elsewhere.pub", "--rehearse", *city.place,
        "--remove", city.keys / "public" / "online.pem",
        "--key", city.keys / "root-1.pem", "--key", city.keys / "root-2.pem",
    )  # fmt: skip
    assert rehearsed.exit_code == 1
    assert "put the key that it names for timestamp into the publisher's folder of keys" in rehearsed.output


def test_the_key_of_channels_is_replaced_by_the_people_who_sign_models(city: City) -> None:
    new = city.keys / "online" / "channels-2.pem"
    keys("new", new)
    targets = city.updates / "metadata" / "2.targets.json"
    options = ["--root", city.root, "--targets", targets, "--add", new.with_suffix(".pub")]
    people = ["--key", city.keys / updates.ANNA, "--key", city.keys / updates.BERT]
    begun = keys("rotate", "channels", *options, "--remove", city.keys / "public" / "channels.pem", *people)
    assert "All have signed it" in begun.output, begun.output
    assert "Published." in keys("publish", "3.targets.json", *city.place).output
    trusted = (city.keys / "online" / "root.json").read_bytes()
    assert repository.verify(city.store, trusted).channels["stable"].current == 1


def test_a_lost_key_of_targets_is_replaced_with_a_root_and_a_list_that_are_published_together(city: City) -> None:
    old_root, targets = city.root, city.updates / "metadata" / "2.targets.json"
    keys("new", "carla.pem")
    roots = ["--key", city.keys / "root-1.pem", "--key", city.keys / "root-2.pem"]
    lost = city.keys / "public" / "targets-2.pem"
    rotated = keys("rotate", "targets", "--root", old_root, "--add", "carla.pub", "--remove", lost, *roots)
    assert "All have signed it" in rotated.output, rotated.output
    alone = keys("publish", "2.root.json", *city.place)
    assert (alone.exit_code, "waits for a targets.json signed with the keys that it names" in alone.output) == (1, True)

    both = ["--root", old_root, "--root", "2.root.json"]
    begun = keys("renew", targets, *both, "--key", city.keys / updates.ANNA)
    assert "It needs 1 more" in begun.output, begun.output
    signed = keys("sign", "3.targets.json", *both, "--key", "carla.pem", "--yes")
    assert "release 1, manifest" in signed.output and "All have signed it" in signed.output
    assert "Published." in keys("publish", "2.root.json", "3.targets.json", *city.place).output
    assert repository.verify(city.store, old_root.read_bytes()).versions == {1}


def test_a_person_joins_and_the_threshold_rises(city: City) -> None:
    keys("new", "carla.pem")
    roots = ["--key", city.keys / "root-1.pem", "--key", city.keys / "root-2.pem", "--key", "carla.pem"]
    rotated = keys("rotate", "root", "--root", city.root, "--add", "carla.pub", "--threshold", "3", *roots)
    assert "root: 3 of 3 keys must sign (before: 2 of 2)" in rotated.output, rotated.output
    assert "Published." in keys("publish", "2.root.json", *city.place).output
    renewed = keys("renew", city.root, "--root", city.root, *roots[:4])
    assert "It needs 1 more" in renewed.output, renewed.output


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["rotate", "king"], "there is no role king; there are root, targets, channels"),
        (["rotate", "channels"], "give the newest one as --targets"),
        (["rotate", "channels", "root"], "rotate it by itself"),
        (["rotate", "targets", "--threshold", "3"], "targets would have 2 keys, and needs 3 signatures"),
        (["rotate", "targets", "--remove", "nobody"], "is not the id of one key of targets"),
        (["renew", "ROOT", "--key", "absent.pem"], "absent.pem cannot be read"),
        (["renew", "ROOT", "--key", "safe:1"], "neither a file nor the URI of a key"),
    ],
)
def test_what_cannot_be_is_said_in_a_sentence(city: City, arguments: list[str], complaint: str) -> None:
    given = [str(city.root) if each == "ROOT" else each for each in arguments]
    result = keys(*given, "--root", city.root)
    assert result.exit_code == 1
    assert complaint in result.output


def test_a_repository_that_is_not_there_is_said(city: City) -> None:
    result = keys("publish", city.root, "--repository", "nowhere")
    assert (result.exit_code, "nowhere is no folder" in result.output) == (1, True)


# Keys in hardware.


@pytest.fixture
def hardware(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr("getpass.getpass", lambda prompt: PIN if prompt == "pin: " else "")
    with hardware_key.plugged_in():
        yield


def test_the_root_may_begin_with_keys_in_hardware(tmp_path: Path, hardware: None) -> None:
    signing_keys.generate(tmp_path / "token.pem")
    folder = tmp_path / "keys"
    begun = keys("init", folder, "--public-key", f"root={tmp_path / 'token.pub'}")
    root = folder / "online" / "root.json"
    assert f"{root} needs 1 more" in begun.output and f"{root}, once it is signed" in begun.output
    assert not (folder / "root-1.pem").exists()
    signed = keys("sign", root, "--root", root, "--yes", "--key", f"{SCHEME}:{tmp_path / 'token.pem'}")
    assert signed.exit_code == 0, signed.output
    assert signing_keys.load(folder).trusted_root == root.read_bytes()


def test_a_public_half_is_brought_for_root_or_targets_alone(tmp_path: Path) -> None:
    result = keys("init", tmp_path / "keys", "--public-key", "king=crown.pub")
    assert (result.exit_code, "king=crown.pub is not root=FILE or targets=FILE" in result.output) == (1, True)
