"""A phone and the city's real server: the update repository as the server serves it."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest

from backend.api.dependencies import Parts
from backend.database import transaction
from backend.releasing import update_files
from backend.settings import Settings
from mobile_models.document import sha256
from mobile_models.updates.keys.signing_keys import KeyRing
from mobile_models.updates.publishing import repository
from phone.client import Phone, UpdateState
from tests import pictures, updates
from tests.backend.field_world import add_releases
from tests.backend.world import running
from tests.phone.conftest import MakePhone
from tests.updates import desired


@pytest.fixture
def office(tmp_path: Path, migrated_sqlite_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[str, Parts]]:
    monkeypatch.setattr(update_files, "LIFETIME_SECONDS", 0.0)  # The server may be a second behind its repository.
    settings = Settings(data_dir=tmp_path / "var", database_url=migrated_sqlite_url)
    with running(settings) as (client, parts):
        yield str(client.base_url), parts


def test_a_phone_follows_what_the_city_publishes(
    office: tuple[str, Parts], keys: KeyRing, make_phone: MakePhone
) -> None:
    url, parts = office
    phone: Phone = make_phone(url)
    repository.reconcile(parts.updates, keys, desired(1, current=1))
    assert (phone.update(), phone.release) == (UpdateState.UP_TO_DATE, 1)
    repository.reconcile(parts.updates, keys, desired(1, 2, current=1, candidate=2, percent=100))
    assert (phone.update(), phone.release) == (UpdateState.UPDATED, 2)
    assert phone.classify(pictures.jpeg("cardboard")).label == "cardboard"
    repository.reconcile(parts.updates, keys, desired(1, 2, current=1))
    assert (phone.update(), phone.release) == (UpdateState.RETURNED_TO_BUNDLED, 1)


def test_a_download_from_the_server_goes_on_where_it_was_cut(
    office: tuple[str, Parts], keys: KeyRing, make_phone: MakePhone, tmp_path: Path
) -> None:
    url, parts = office
    repository.reconcile(parts.updates, keys, desired(1, 2, current=2))
    _, model = updates.files(2)
    downloads = tmp_path / "phone" / "models" / "downloads"
    phone = make_phone(url)
    (downloads / f"{sha256(model)}.partial").write_bytes(model[:1000])
    ranges: list[str | None] = []
    phone._http.event_hooks["response"].append(lambda answer: ranges.append(answer.headers.get("Content-Range")))
    assert (phone.update(), phone.release) == (UpdateState.UPDATED, 2)
    assert [each for each in ranges if each] == [f"bytes 1000-{len(model) - 1}/{len(model)}"]


def test_the_server_counts_what_a_phone_reports_once(
    office: tuple[str, Parts], keys: KeyRing, make_phone: MakePhone
) -> None:
    url, parts = office
    repository.reconcile(parts.updates, keys, desired(1, 2, current=2))
    with transaction(parts.engine) as session:
        add_releases(session, 1, 2)
    now = datetime.now(UTC)
    phone = make_phone(url, clock=lambda: now)
    answers: list[tuple[int, object]] = []

    def note(answer: httpx.Response) -> None:
        if answer.url.path == "/v1/field-reports":
            answer.read()
            answers.append((answer.status_code, answer.json()))

    phone._http.event_hooks["response"].append(note)
    assert (phone.update(), phone.release) == (UpdateState.UPDATED, 2)
    phone.classify(pictures.jpeg("glass"))
    now += timedelta(days=2)
    for _ in range(2):
        phone.update()
    assert answers == [(201, {"counted": 2})], "release 1, with which it began, and release 2"
