"""A phone with its city's guide: published without a new model, verified like one, and read without a network."""

import shutil
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from mobile_models.guide import EXAMPLE, Guide
from mobile_models.updates.publishing import publishing_folder, repository
from phone.client import GuideReader, Phone, UpdateState
from tests import pictures
from tests.phone.conftest import NOW, City, MakePhone
from tests.updates import StaticServer, desired

CITY = "example"


def guide(**changes: object) -> Guide:
    return Guide.read(EXAMPLE).model_copy(update=changes)


def publish(city: City, *guides: Guide) -> repository.Outcome:
    state = replace(desired(1, 2, current=2), guides={each.city: each.to_bytes() for each in guides})
    return repository.reconcile(city.store, city.keys, state, moment=NOW)


@pytest.fixture
def phone(city: City, make_phone: MakePhone) -> Phone:
    """A phone of the city, with its guide."""
    publish(city, guide())
    phone = make_phone(city.web.url, reader=GuideReader(CITY, "vi"))
    assert phone.update() == UpdateState.UPDATED
    return phone


def renamed(name: str) -> Guide:
    """The guide with another name for the bin of glass."""
    return guide(
        version=2,
        bins=tuple(
            each.model_copy(update={"names": {"vi": name}}) if each.id == "glass" else each for each in guide().bins
        ),
    )


def glass(phone: Phone) -> str:
    (answer,) = (each for each in phone.look_up("lọ thủy tinh") if each.thing == "jam_jar")
    return answer.bin_name


def test_a_new_guide_comes_without_a_new_model(phone: Phone, city: City) -> None:
    assert glass(phone) == "Thùng xanh lá: thủy tinh"
    outcome = publish(city, renamed("Thùng mới"))
    assert (outcome.published, outcome.guides) == ((), {CITY: renamed("Thùng mới").digest})
    city.web.bodies.clear()
    assert (phone.update(), phone.release) == (UpdateState.UP_TO_DATE, 2)
    assert glass(phone) == "Thùng mới"
    assert city.web.moved(".tflite") == 0


def test_a_photo_is_answered_with_its_bin(phone: Phone) -> None:
    answer = phone.classify(pictures.jpeg("glass"))
    assert answer.label == "glass"
    assert answer.advice is not None
    assert (answer.advice.thing, answer.advice.bin) == ("glass", "glass")


def test_without_a_network_the_guide_answers_after_a_restart(phone: Phone, make_phone: MakePhone) -> None:
    again = make_phone("http://127.0.0.1:9", reader=GuideReader(CITY, "zh"))
    assert again.look_up("电池")[0].bin_name == "有害垃圾收集点"


def test_a_phone_of_no_city_answers_without_advice(city: City, make_phone: MakePhone) -> None:
    publish(city, guide())
    phone = make_phone(city.web.url)
    phone.update()
    assert phone.classify(pictures.jpeg("glass")).advice is None
    assert phone.look_up("battery") == ()


def test_the_answer_changes_on_its_day(city: City, make_phone: MakePhone) -> None:
    publish(city, guide())
    day = [datetime(2027, 1, 1, 12, tzinfo=UTC)]
    phone = make_phone(city.web.url, reader=GuideReader(CITY), clock=lambda: day[0])
    city.publish(replace(desired(1, 2, current=2), guides={CITY: guide().to_bytes()}), moment=day[0])
    phone.update()
    assert phone.look_up("christmas tree")[0].bin == "recycling_centre"
    day[0] = datetime(2027, 1, 2, 12, tzinfo=UTC)
    assert phone.look_up("christmas tree")[0].bin == "residual"


def _tampered(web: StaticServer, _: City) -> None:
    web.tamper = lambda path, content: content.replace(b"M", b"N") if "/guides/" in path else content


def _removed(_: StaticServer, city: City) -> None:
    for file in city.folder.rglob("*example.json"):
        file.unlink()


@pytest.mark.parametrize("harm", [_tampered, _removed])
def test_a_guide_that_cannot_be_had_holds_up_no_model_and_the_one_before_answers(
    phone: Phone, city: City, harm: Callable[[StaticServer, City], None]
) -> None:
    state = replace(desired(1, 2, 3, current=3), guides={CITY: renamed("Thùng Mới").to_bytes()})
    city.publish(state)
    harm(city.web, city)
    assert (phone.update(), phone.release) == (UpdateState.UPDATED, 3)
    assert glass(phone) == "Thùng xanh lá: thủy tinh"


def test_what_is_no_guide_of_the_city_is_not_published_and_the_one_before_stays(city: City) -> None:
    before = publish(city, guide()).guides
    for content in (b"{}", guide(city="elsewhere").to_bytes(), b" " * 600_000):
        state = replace(desired(1, 2, current=2), guides={CITY: content})
        outcome = repository.reconcile(city.store, city.keys, state, moment=NOW)
        assert list(outcome.guides_refused) == [CITY]
        assert outcome.guides == before


def test_guides_stay_where_nothing_is_said_of_them_and_go_where_they_are_no_longer_wanted(city: City) -> None:
    publish(city, guide())
    assert CITY in repository.reconcile(city.store, city.keys, desired(1, 2, current=1), moment=NOW).guides
    assert CITY in repository.reconcile(city.store, city.keys, repository.as_published(city.store), moment=NOW).guides
    assert publish(city).guides == {}


def test_a_guide_from_before_stays_when_the_new_one_is_for_a_newer_app(
    phone: Phone, city: City, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    newer = guide().to_bytes().replace(b'"format_version":1', b'"format_version":1,"songs":[]')
    monkeypatch.setattr("mobile_models.updates.guide_file.check", lambda city, content: guide())
    city.publish(replace(desired(1, 2, current=2), guides={CITY: newer}))
    monkeypatch.undo()
    city.web.bodies.clear()
    assert phone.update() == UpdateState.UP_TO_DATE
    assert glass(phone) == "Thùng xanh lá: thủy tinh"
    assert phone.update() == UpdateState.UP_TO_DATE
    assert sum("/guides/" in path for path, _ in city.web.bodies) == 1, "downloaded once"


def test_a_publisher_without_a_server_brings_guides_from_its_folder(city: City, bundled: Path, tmp_path: Path) -> None:
    folder = tmp_path / "app"
    shutil.copytree(bundled, folder / "releases" / "1")
    for part, name, content in (
        ("channels", "stable", b'{"current": 1}'),
        ("guides", CITY, EXAMPLE.read_bytes()),
    ):
        (folder / part).mkdir()
        (folder / part / f"{name}.json").write_bytes(content)
    outcome = publishing_folder.publish(folder, city.store, city.keys, moment=NOW)
    assert outcome.guides == {CITY: guide().digest}
    (folder / "guides" / f"{CITY}.json").rename(folder / "guides" / "hue.json")
    with pytest.raises(publishing_folder.FolderProblem, match="should be called"):
        publishing_folder.read(folder)
