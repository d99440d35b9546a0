"""A fleet that follows a city which exists."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from obstore.store import LocalStore
from typer.testing import CliRunner

from cli.fleet import existing_city
from cli.fleet.existing_city import CannotBeFollowed
from cli.fleet.play import Wanted
from cli.fleet.worlds import Source
from cli.main import app
from mobile_models.updates.keys.signing_keys import KeyRing
from mobile_models.updates.publishing import repository
from phone.fleet.scenarios import Scenario
from tests import tiny_model, updates
from tests.updates import StaticServer, desired


@pytest.fixture
def keys(tmp_path: Path) -> KeyRing:
    return updates.embedded_keys(tmp_path / "keys")


@pytest.fixture
def web(tmp_path: Path, keys: KeyRing) -> Iterator[StaticServer]:
    """A city that has published release 2."""
    with updates.serving(tmp_path / "web") as server:
        store = LocalStore(prefix=str(server.folder / "updates"), mkdir=True)
        repository.create(store, keys)
        repository.reconcile(store, keys, desired(1, 2, current=2))
        yield server


def wanted(folder: Path, days: int) -> Wanted:
    bundled = tiny_model.release_folder(folder / "bundled", 1)
    return Wanted(Scenario.FOLLOW, 150, 0, days, 1, folder / "fleet", bundled)


def test_the_fleet_adopts_what_the_city_gives_and_tells_it_nothing(
    tmp_path: Path, web: StaticServer, keys: KeyRing
) -> None:
    chosen = wanted(tmp_path, 6)
    played = existing_city.follow(chosen, Source(web.url, keys.trusted_root, chosen.bundled), lambda _: None)
    assert played.outcome.is_well, played.outcome.words()
    assert played.outcome.candidate == 2
    assert played.outcome.run_at_the_end > 80
    assert played.outcome.tricked_phones > 0
    assert played.outcome.words().startswith(f"{played.outcome.run_at_the_end} of 150 phones run release 2.")
    assert not [path for path, _ in web.bodies if path.startswith("/v1/")]


def test_a_release_that_is_published_meanwhile_is_learnt(tmp_path: Path, web: StaticServer, keys: KeyRing) -> None:
    store = LocalStore(prefix=str(web.folder / "updates"))

    def publish(day: object) -> None:
        repository.reconcile(store, keys, desired(1, 2, 3, current=3))

    chosen = wanted(tmp_path, 5)
    played = existing_city.follow(chosen, Source(web.url, keys.trusted_root, chosen.bundled), publish)
    assert played.outcome.candidate == 3
    assert played.outcome.run_at_the_end > 60


def test_another_root_is_refused_at_once(tmp_path: Path, web: StaticServer) -> None:
    chosen, others = wanted(tmp_path, 5), updates.embedded_keys(tmp_path / "others")
    with pytest.raises(CannotBeFollowed, match="cannot be followed"):
        existing_city.follow(chosen, Source(web.url, others.trusted_root, chosen.bundled), lambda _: None)


def test_a_server_needs_a_root_and_a_root_that_can_be_read(tmp_path: Path) -> None:
    without = CliRunner().invoke(app, ["fleet", "--server", "http://127.0.0.1:9"])
    assert without.exit_code == 2
    assert "--root FILE" in without.output
    missing = tmp_path / "root.json"
    unread = CliRunner().invoke(app, ["fleet", "--server", "http://127.0.0.1:9", "--root", str(missing)])
    assert unread.exit_code == 2
    assert "cannot be read" in unread.output
