"""What the first start makes, and what the second leaves alone."""

from pathlib import Path

import obstore
import pytest
from sqlmodel import col, select

from backend import first_start
from backend.database import connect, transaction
from backend.intake import photo_store
from backend.people import sign_ins
from backend.releasing import channels, retreat
from backend.releasing.current_model import current_version, load
from backend.settings import Settings
from backend.tables import Job, JobKind, Release, ReleaseState, Role, Staff
from mobile_models.updates.keys import signing_keys
from mobile_models.updates.keys.signing_keys import KeyProblem
from mobile_models.updates.publishing import repository
from tests import tiny_model
from tests.backend import staff_world


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """A new city on an empty disk."""
    return Settings(data_dir=tmp_path / "var", bundled_release=tiny_model.release_folder(tmp_path / "bundled"))


def test_a_first_start_makes_everything_and_tells_a_password_once(settings: Settings) -> None:
    password = first_start.prepare(settings).administrator_password
    assert password is not None
    engine = connect(settings.resolved_database_url)
    with transaction(engine) as session:
        assert current_version(session) == 1
        administrator = session.exec(select(Staff)).one()
        assert (administrator.name, administrator.role) == ("administrator", Role.ADMINISTRATOR)
        assert sign_ins.attempt(session, "administrator").fits(password)
        assert session.exec(select(Job.kind)).all() == [JobKind.PUBLISH]
    engine.dispose()
    storage = photo_store.open_store(settings, settings.resolved_storage_url)
    assert load(storage, 1).manifest.version == 1
    updates = photo_store.open_store(settings, settings.resolved_updates_url)
    root = signing_keys.load(settings.resolved_keys_dir).trusted_root
    assert repository.verify(updates, root).versions == frozenset()


def test_a_second_start_leaves_all_as_it_is(settings: Settings, tmp_path: Path) -> None:
    first_start.prepare(settings)
    before = _files(settings.data_dir)
    for bundled in (settings.bundled_release, tmp_path / "nowhere", tiny_model.release_folder(tmp_path / "other", 1)):
        again = settings.model_copy(update={"bundled_release": bundled})
        assert first_start.prepare(again).administrator_password is None
        assert _files(settings.data_dir) == before


def test_the_release_of_a_newer_program_is_known_and_nobody_is_sent_to_it(settings: Settings, tmp_path: Path) -> None:
    first_start.prepare(settings)
    newer = settings.model_copy(update={"bundled_release": tiny_model.release_folder(tmp_path / "newer", 5)})
    for _ in range(2):
        first_start.prepare(newer)
    engine = connect(settings.resolved_database_url)
    with transaction(engine) as session:
        assert session.exec(select(Release.version).order_by(col(Release.version))).all() == [1, 5]
        assert current_version(session) == 1
        assert {channel.current_version for channel in channels.every(session)} == {1}
        retreat.to_bundled(session, "ada", "stable", "answers are nonsense")
        assert current_version(session) == 5, "as on phones of the newer app"
        assert staff_world.run(session, settings).release_version == 6, "the city's own numbers go on above it"
    newer = settings.model_copy(update={"bundled_release": tiny_model.release_folder(tmp_path / "newest", 6)})
    first_start.prepare(newer)
    with transaction(engine) as session:
        assert session.get(Release, 6) is None, "the run has this number"
    engine.dispose()
    assert load(photo_store.open_store(settings, settings.resolved_storage_url), 5).manifest.version == 5


def _files(folder: Path) -> dict[Path, bytes]:
    kept = (folder / "keys", folder / "updates", folder / "storage")
    return {file: file.read_bytes() for part in kept for file in part.rglob("*") if file.is_file()}


def test_a_password_from_the_settings_is_used_and_not_told(settings: Settings) -> None:
    chosen = settings.model_copy(update={"administrator_password": "from the secret file"})
    assert first_start.prepare(chosen).administrator_password is None
    engine = connect(settings.resolved_database_url)
    with transaction(engine) as session:
        assert sign_ins.attempt(session, "administrator").fits("from the secret file")
    engine.dispose()


def test_production_makes_no_keys_on_its_own(settings: Settings) -> None:
    production = settings.model_copy(update={"environment": "production"})
    with pytest.raises(KeyProblem, match="wastelens keys init"):
        first_start.prepare(production)
    assert not settings.resolved_keys_dir.exists()


def test_production_starts_with_the_online_keys_alone(settings: Settings, tmp_path: Path) -> None:
    signing_keys.init(tmp_path / "keys", targets_keys=2, targets_threshold=2)
    online = {"environment": "production", "keys_dir": tmp_path / "keys" / "online"}
    first_start.prepare(settings.model_copy(update=online))
    updates = photo_store.open_store(settings, settings.resolved_updates_url)
    assert repository.published_versions(updates) == frozenset()


@pytest.mark.parametrize("file", ["model.tflite", "blessing.json", "manifest.json"])
def test_a_bundled_release_whose_parts_do_not_belong_together_is_refused(settings: Settings, file: str) -> None:
    assert settings.bundled_release is not None
    other = tiny_model.release_folder(settings.bundled_release.parent / "other", 2, confused=True)
    content = (other / file).read_bytes() if file != "blessing.json" else b'{"verdict":"passed"}'
    (settings.bundled_release / file).write_bytes(content)
    with pytest.raises(first_start.BadRelease):
        first_start.prepare(settings)


def test_a_start_that_was_cut_off_is_completed_by_the_next(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    def power_cut(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as broken:
        broken.setattr(obstore, "put", power_cut)
        with pytest.raises(KeyboardInterrupt):
            first_start.prepare(settings)
    assert first_start.prepare(settings).administrator_password is not None
    engine = connect(settings.resolved_database_url)
    with transaction(engine) as session:
        assert session.exec(select(Release.state)).all() == [ReleaseState.PUBLISHED]
    engine.dispose()
