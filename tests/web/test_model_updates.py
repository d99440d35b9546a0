"""Updates in the browser: what the city has signed comes to the phone, and nothing else."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect
from tuf.api.metadata import Metadata, Timestamp

from backend.evidence.field_reports import Count
from mobile_models.guide import Guide
from mobile_models.manifest import ReleaseManifest
from mobile_models.updates.keys import signing_keys
from tests import pictures, tiny_model
from tests.web import resident
from tests.web.city import City
from tests.web.conftest import Visitor

Visit = Callable[..., Visitor]
_MODELS = re.compile(r"/targets/(models/.*\.tflite|patches/)")
TIMESTAMP = "metadata/timestamp.json"
GLASS = pictures.jpeg("glass", 1)


@pytest.fixture
def visitor(visit: Visit) -> Visitor:
    """Somebody who has the release that came with the app, and has looked for updates once."""
    visitor = visit()
    resident.welcome(visitor.open())
    assert resident.looked(visitor.page) == ("up_to_date", None, 1)
    return visitor


def _refused(visitor: Visitor) -> str | None:
    """Look; return why nothing was taken. What ran before still answers."""
    state, reason, release = resident.look_for_update(visitor.page)
    assert state == "refused"
    said = resident.ask(visitor.page, GLASS)
    assert (said.label, said.release) == ("glass", release)
    return reason


def _asked_models(page: Page) -> list[str]:
    """The models and patches that the page asks for from now on."""
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url) if _MODELS.search(request.url) else None)
    return asked


def _last_byte_changed(content: bytes) -> bytes:
    return content[:-1] + bytes([content[-1] ^ 1])


def _signed_anew(city: City, expires: datetime) -> Callable[[bytes], bytes]:
    ring = signing_keys.load(city.settings.resolved_keys_dir)

    def change(content: bytes) -> bytes:
        metadata: Metadata[Timestamp] = Metadata.from_bytes(content)
        metadata.signed.expires = expires
        signer = next(each for each in ring.signers if each.public_key.keyid in metadata.signatures)
        metadata.sign(signer)
        return metadata.to_bytes()

    return change


def test_what_the_city_publishes_widens_halts_and_takes_back_reaches_the_phone(visitor: Visitor, city: City) -> None:
    city.publish(2)
    assert resident.look_for_update(visitor.page) == ("updated", None, 2)
    assert resident.ask(visitor.page, GLASS).release == 2
    city.publish(3, percent=0.01)
    assert resident.look_for_update(visitor.page) == ("up_to_date", None, 2)
    city.widen(3, 100)
    assert resident.look_for_update(visitor.page) == ("updated", None, 3)
    city.halt(3)
    assert resident.look_for_update(visitor.page) == ("updated", None, 2)
    city.return_to_bundled()
    assert resident.look_for_update(visitor.page) == ("returned_to_bundled", None, 1)
    visitor.page.reload()
    assert resident.ask(visitor.page, GLASS).release == 1


def test_a_model_that_was_changed_on_its_way_is_thrown_away(visitor: Visitor, city: City) -> None:
    city.publish(2)
    model, patches = "targets/models/2/*.model.tflite", "targets/patches/*"
    with city.tampered(model, _last_byte_changed), city.tampered(patches, _last_byte_changed):
        assert _refused(visitor) == "tampered_file"
    assert resident.files(visitor.page, "downloads") == {}
    assert resident.look_for_update(visitor.page) == ("updated", None, 2)


def test_an_expired_repository_is_refused(visitor: Visitor, city: City) -> None:
    city.publish(2)
    yesterday = datetime.now(UTC).replace(microsecond=0) - timedelta(days=1)
    with city.tampered(TIMESTAMP, _signed_anew(city, yesterday)):
        assert _refused(visitor) == "expired_metadata"
    assert resident.look_for_update(visitor.page) == ("updated", None, 2)


def test_a_repository_that_was_rolled_back_is_refused(visitor: Visitor, city: City) -> None:
    before = (city.updates / TIMESTAMP).read_bytes()
    city.publish(2)
    assert resident.look_for_update(visitor.page) == ("updated", None, 2)
    with city.tampered(TIMESTAMP, lambda _: before):
        assert _refused(visitor) == "older_metadata"


def test_a_release_that_fails_its_self_tests_is_never_used(visitor: Visitor, city: City, tmp_path: Path) -> None:
    """It computes otherwise on this phone than where it was made."""
    folder = tiny_model.release_folder(tmp_path / "wrong", 2)
    manifest = ReleaseManifest.read(folder / "manifest.json")
    tests = tuple(
        test.model_copy(update={"logits": tuple(reversed(test.logits)), "tolerance": 0.01})
        for test in manifest.self_tests
    )
    manifest.model_copy(update={"self_tests": tests}).write(folder / "manifest.json")
    city.publish(2, folder=folder)
    assert _refused(visitor) == "self_test_failed"
    assert len(resident.files(visitor.page, "models")) == 2, "manifest and model of the release that runs"
    asked = _asked_models(visitor.page)
    assert _refused(visitor) == "self_test_failed"
    assert asked == [], "it is not downloaded again"
    assert city.reported(2, Count.REJECTED) == 1, "the city is told at once, and once"


def test_a_phone_is_unknown_to_the_city_until_it_has_something_to_tell(visit: Visit, city: City) -> None:
    city.publish(2)
    visitor = visit()
    page = visitor.open()
    expect(page.get_by_text("Ready. From now on")).to_be_visible(timeout=60_000)
    resident.looked(page)
    resident.welcome(page)
    assert resident.ask(page, GLASS).label == "glass"
    assert resident.look_for_update(page)[2] == 2
    assert city.devices() == 0


def test_a_full_phone_keeps_its_model_and_takes_the_new_one_once_there_is_room(visitor: Visitor, city: City) -> None:
    city.publish(2, padding_bytes=4_000_000)
    resident.can_go_offline(visitor.page)  # Nothing else fills the room that is left.
    session = visitor.context.new_cdp_session(visitor.page)
    used = visitor.page.evaluate("navigator.storage.estimate().then(({usage}) => usage)")
    session.send("Storage.overrideQuotaForOrigin", {"origin": city.url, "quotaSize": used + 1_000_000})
    assert _refused(visitor) == "disk_full"
    session.send("Storage.overrideQuotaForOrigin", {"origin": city.url})
    assert resident.look_for_update(visitor.page) == ("updated", None, 2)


def test_one_tab_downloads_and_the_other_answers_with_what_came(visitor: Visitor, city: City) -> None:
    before = resident.document(visitor.page, "lastLook")["at"]
    other = visitor.another_tab()
    assert resident.ask(other, GLASS).release == 1
    resident.looked(other, before)
    asked, asked_there = _asked_models(visitor.page), _asked_models(other)
    city.publish(2)
    assert resident.look_for_update(visitor.page) == ("updated", None, 2)
    other.get_by_role("link", name="Settings").click()
    other.locator("a[href$='/settings/model']").click()
    expect(other.get_by_role("heading", name="Model 2")).to_be_visible()  # It opens the new one before it uses it.
    assert resident.ask(other, GLASS).release == 2
    assert (len(asked), asked_there) == (1, [])


def test_a_patch_brings_the_same_model_with_fewer_bytes(visitor: Visitor, city: City) -> None:
    city.publish(2, padding_bytes=400_000)
    assert resident.look_for_update(visitor.page)[2] == 2
    asked = _asked_models(visitor.page)
    city.publish(3, padding_bytes=400_000)
    assert resident.look_for_update(visitor.page) == ("updated", None, 3)
    assert [url.rpartition(".")[2] for url in asked] == ["patch"]
    assert resident.ask(visitor.page, GLASS).release == 3


def test_a_new_guide_comes_without_a_new_model(visitor: Visitor, city: City) -> None:
    def renamed(guide: Guide) -> Guide:
        labels = tuple(
            label.model_copy(update={"names": {**label.names, "en": "Bottles and jars"}})
            if label.id == "glass"
            else label
            for label in guide.labels
        )
        return guide.model_copy(update={"labels": labels})

    city.change_guide(renamed)
    assert resident.look_for_update(visitor.page) == ("up_to_date", None, 1)
    resident.ask(visitor.page, GLASS)
    expect(visitor.page.get_by_role("heading", name="Bottles and jars").first).to_be_visible()
