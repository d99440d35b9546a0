"""`wastelens updates`: the publisher alone, as the maker of another app uses it."""

import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import Result
from obstore.store import LocalStore
from typer.testing import CliRunner

from cli.main import app
from mobile_models.guide import EXAMPLE
from mobile_models.updates import guide_file
from mobile_models.updates.keys import signing_keys
from mobile_models.updates.publishing import publishing_folder, repository
from mobile_models.updates.publishing.repository_files import read_chain
from mobile_models.updates.update_channel import Candidate, ChannelPointer
from tests import updates


@pytest.fixture
def flowers(tmp_path: Path) -> Path:
    """What the maker of an app about flowers says: release 1 for everybody."""
    folder = tmp_path / "flowers"
    add_release(folder, 1)
    point(folder, ChannelPointer(current=1))
    return folder


@pytest.fixture
def keys(tmp_path: Path) -> Path:
    signing_keys.init(tmp_path / "keys")
    return tmp_path / "keys"


@pytest.fixture
def to(tmp_path: Path) -> Path:
    (tmp_path / "web").mkdir()
    return tmp_path / "web"


def add_release(folder: Path, version: int) -> None:
    release = folder / "releases" / str(version)
    release.mkdir(parents=True)
    manifest, model = updates.files(version)
    (release / "manifest.json").write_bytes(manifest)
    (release / "model.tflite").write_bytes(model)


def point(folder: Path, pointer: ChannelPointer) -> None:
    pointer.write(folder / "channels" / "stable.json")


def run(*arguments: object) -> Result:
    return CliRunner().invoke(app, ["updates", *map(str, arguments)])


def publish(folder: Path, to: Path, keys: Path) -> Result:
    return run("publish", folder, "--to", to, "--keys", keys)


def test_phones_are_told_what_the_folder_says(flowers: Path, to: Path, keys: Path) -> None:
    assert "Published: 1." in publish(flowers, to, keys).output
    add_release(flowers, 2)
    chosen = ChannelPointer(current=1, candidate=Candidate(version=2, rollout_percent=5, salt="spring"))
    point(flowers, chosen)
    assert "Published: 2." in publish(flowers, to, keys).output
    published = repository.verify(LocalStore(to), (keys / "online" / "root.json").read_bytes())
    assert published.versions == {1, 2}
    assert published.channels == {"stable": chosen}
    assert "Nothing to do" in publish(flowers, to, keys).output


def test_what_a_phone_would_find_can_be_checked(flowers: Path, to: Path, keys: Path) -> None:
    publish(flowers, to, keys)
    root = keys / "online" / "root.json"
    result = run("check", "--to", to, "--root", root)
    assert result.exit_code == 0
    assert "Releases: 1." in result.output
    (model,) = to.rglob("*.model.tflite")
    model.write_bytes(b"damaged")
    damaged = run("check", "--to", to, "--root", root)
    assert damaged.exit_code == 1
    assert "a phone would refuse" in damaged.output


def test_what_would_expire_is_signed_anew(flowers: Path, to: Path, keys: Path) -> None:
    store, ring = LocalStore(to), signing_keys.load(keys)
    publishing_folder.publish(flowers, store, ring)
    later = datetime.now(UTC) + timedelta(days=2)
    assert publishing_folder.publish(flowers, store, ring, moment=later).changed
    assert read_chain(store).timestamp.signed.expires - later > timedelta(days=2)


def test_two_people_sign_a_release_without_any_server(flowers: Path, to: Path, tmp_path: Path) -> None:
    keys = tmp_path / "keys of two"
    signing_keys.init(keys, targets_keys=2, targets_threshold=2)
    first = publish(flowers, to, keys / "online")
    assert "Release 1 waits for 2 more to sign it" in first.output
    signatures = flowers / "signatures" / "1"
    signatures.mkdir(parents=True)
    for person in (updates.ANNA, updates.BERT):
        sign = ["--staged", flowers / "staged" / "1.json", "--key", keys / person, "--yes"]
        output = (signatures / person).with_suffix(".json")
        signed = CliRunner().invoke(app, ["releases", "sign", *map(str, [*sign, "--output", output])])
        assert signed.exit_code == 0, signed.output
        done = publish(flowers, to, keys / "online")
    assert "Published: 1." in done.output
    assert not (flowers / "staged" / "1.json").exists()


def test_a_strangers_file_beside_what_is_to_be_signed_holds_up_nothing(flowers: Path, to: Path, keys: Path) -> None:
    (flowers / "staged").mkdir()
    for name in ("notes.json", "9.json"):
        (flowers / "staged" / name).write_text("{}")
    assert "Published: 1." in publish(flowers, to, keys).output
    assert [path.name for path in (flowers / "staged").iterdir()] == ["notes.json"]


def test_a_model_that_is_not_the_one_of_its_manifest_is_refused(flowers: Path, to: Path, keys: Path) -> None:
    (flowers / "releases" / "1" / "model.tflite").write_bytes(b"another model")
    result = publish(flowers, to, keys)
    assert result.exit_code == 1
    assert "Release 1 cannot be published: its model is not the one that its manifest names" in result.output


def test_a_guide_that_is_too_large_for_phones_is_told_and_holds_up_nothing(
    flowers: Path, to: Path, keys: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(guide_file, "SIZE_LIMIT_BYTES", 100)
    (flowers / "guides").mkdir()
    shutil.copy(EXAMPLE, flowers / "guides" / "example.json")
    result = publish(flowers, to, keys)
    assert result.exit_code == 1
    assert "Published: 1." in result.output
    assert "The guide of example cannot be published: a guide may have 100 bytes" in result.output


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda folder: point(folder, ChannelPointer(current=7)), "names release 7, which is not among the releases"),
        (lambda folder: (folder / "channels" / "stable.json").write_text("{"), "is no channel pointer"),
        (lambda folder: (folder / "channels" / "stable.json").unlink(), "needs releases/<version>/ and channels"),
        (lambda folder: (folder / "releases" / "1" / "model.tflite").unlink(), "there is no"),
        (lambda folder: (folder / "releases" / "1" / "manifest.json").unlink(), "there is no"),
        (lambda folder: (folder / "releases" / "newest").mkdir(), "should be named by the number"),
    ],
)
def test_a_folder_that_says_nothing_clear_changes_nothing(
    flowers: Path, to: Path, keys: Path, spoil: object, message: str
) -> None:
    publish(flowers, to, keys)
    before = (to / "metadata" / "timestamp.json").read_bytes()
    spoil(flowers)  # type: ignore[operator]
    result = publish(flowers, to, keys)
    assert result.exit_code == 1
    assert message in result.output
    assert (to / "metadata" / "timestamp.json").read_bytes() == before
