"""Settings come from the environment, secrets also from files, and wrong ones are refused."""

from datetime import timedelta
from pathlib import Path

import pytest
from pydantic import ValidationError

from backend.settings import Settings


@pytest.fixture(autouse=True)
def nothing_set(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in Settings.model_fields:
        monkeypatch.delenv(f"WASTELENS_{name.upper()}", raising=False)
        monkeypatch.delenv(f"WASTELENS_{name.upper()}_FILE", raising=False)


def test_without_any_setting_everything_lies_in_one_folder(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path)
    assert settings.resolved_database_url == f"sqlite:///{tmp_path}/wastelens.sqlite3"
    assert settings.resolved_broker_url == f"sqla+sqlite:///{tmp_path}/queue.sqlite3"
    assert settings.resolved_storage_url == f"file://{tmp_path}/storage"
    assert settings.resolved_updates_url == f"file://{tmp_path}/updates"
    assert settings.resolved_keys_dir == tmp_path / "keys"
    assert settings.work_dir == tmp_path / "work"


def test_a_relative_data_folder_gives_absolute_addresses(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    assert Settings(data_dir=Path("var")).resolved_broker_url == f"sqla+sqlite:///{tmp_path}/var/queue.sqlite3"


def test_the_environment_sets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WASTELENS_JOB_LEASE_SECONDS", "2.5")
    monkeypatch.setenv("WASTELENS_BROKER_URL", "redis://queue:6379/0")
    settings = Settings()
    assert settings.job_lease == timedelta(seconds=2.5)
    assert settings.resolved_broker_url == "redis://queue:6379/0"


def test_a_secret_is_read_from_the_file_that_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "database_url").write_text("postgresql+psycopg://city:secret@database/wastelens\n")
    monkeypatch.setenv("WASTELENS_DATABASE_URL_FILE", str(tmp_path / "database_url"))
    assert Settings().resolved_database_url == "postgresql+psycopg://city:secret@database/wastelens"


def test_a_secret_file_that_is_missing_stops_the_start(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("WASTELENS_DATABASE_URL_FILE", str(tmp_path / "nothing"))
    with pytest.raises(FileNotFoundError):
        Settings()


@pytest.mark.parametrize(
    ("name", "value"),
    [("PORT", "0"), ("REVIEW_RANDOM_FRACTION", "1.5"), ("JOB_LEASE_SECONDS", "0"), ("ENVIRONMENT", "staging")],
)
def test_a_value_that_makes_no_sense_is_refused_by_name(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(f"WASTELENS_{name}", value)
    with pytest.raises(ValidationError, match=name.lower()):
        Settings()


def test_settings_do_not_change_once_read(tmp_path: Path) -> None:
    with pytest.raises(ValidationError, match="frozen"):
        Settings(data_dir=tmp_path).port = 1  # type: ignore[misc]
