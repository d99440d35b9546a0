"""Networks that cut, drip, never end, or answer with something else. The old model goes on running."""

from itertools import chain
from pathlib import Path

import httpx
import pytest
from tuf.api.metadata import TargetFile

from mobile_models.updates.following import metadata_client, target_download
from mobile_models.updates.following.updater import RefusalReason, UpdateRefused
from phone.client import Phone, UpdateState
from tests import pictures, updates
from tests.phone.conftest import City
from tests.updates import StaticServer, desired


def _refusal(phone: Phone) -> RefusalReason:
    with pytest.raises(UpdateRefused) as caught:
        phone.update()
    return caught.value.reason


@pytest.mark.parametrize(
    ("name", "step"),
    [("timestamp", 5), ("snapshot", 29), ("targets", 97), ("channels", 97)],
)
def test_metadata_cut_at_any_byte_is_refused_and_the_next_look_goes_on(
    phone: Phone, city: City, name: str, step: int
) -> None:
    city.publish(desired(1, 2, 3, current=3))
    length = min(path.stat().st_size for path in (city.folder / "metadata").glob(f"*{name}.json"))
    for end in chain(range(0, length, step), [length - 1]):
        city.web.cut = lambda path, content, end=end: content[:end] if path.endswith(f"{name}.json") else content
        assert _refusal(phone) == RefusalReason.UNREACHABLE
    assert (phone.release, phone.classify(pictures.jpeg("metal")).label) == (2, "metal")
    city.web.cut = lambda _, content: content
    assert (phone.update(), phone.release) == (UpdateState.UPDATED, 3)


@pytest.mark.parametrize(("name", "bytes_at_once"), [("stable.json", 5), ("manifest.json", 99)])
def test_a_signed_document_that_is_cut_again_and_again_arrives_in_pieces(
    phone: Phone, city: City, name: str, bytes_at_once: int
) -> None:
    city.publish(desired(1, 2, 3, current=3))
    city.web.cut = lambda path, content: content[:bytes_at_once] if path.endswith(name) else content
    cuts = 0
    while phone.release != 3:
        try:
            phone.update()
        except UpdateRefused as refusal:
            assert (refusal.reason, phone.release) == (RefusalReason.UNREACHABLE, 2)
            cuts += 1
    assert cuts >= 10


def test_a_download_cut_after_every_single_byte_arrives_and_no_byte_comes_twice(
    web: StaticServer, tmp_path: Path
) -> None:
    content = bytes(range(256)) + b"the end"
    target = TargetFile.from_data("models/1/model.tflite", content, ["sha256"])
    path = web.folder / "targets" / "models" / "1" / f"{target.hashes['sha256']}.model.tflite"
    path.parent.mkdir(parents=True)
    path.write_bytes(content)
    web.cut_after = 1
    with httpx.Client(timeout=30) as http:
        url = target_download.target_url(f"{web.url}/targets/", target)
        for _ in range(len(content) - 1):
            with pytest.raises(UpdateRefused, match="unreachable"):
                target_download.fetch(http, url, target, tmp_path / "downloads")
        assert target_download.fetch(http, url, target, tmp_path / "downloads").read_bytes() == content
    assert web.moved(".tflite") == len(content)


@pytest.mark.parametrize("ending", ["timestamp.json", ".snapshot.json", ".targets.json", ".channels.json"])
def test_endless_metadata_is_cut_off(phone: Phone, city: City, ending: str) -> None:
    city.publish(desired(1, 2, 3, current=3))
    city.web.endless = ending
    assert _refusal(phone) == RefusalReason.TAMPERED_METADATA
    city.web.endless = ""
    assert (phone.update(), phone.release) == (UpdateState.UPDATED, 3)


@pytest.mark.parametrize("ending", [".stable.json", ".manifest.json", ".model.tflite"])
def test_an_endless_file_is_cut_off_and_nothing_of_it_stays(
    phone: Phone, city: City, ending: str, tmp_path: Path
) -> None:
    city.publish(desired(1, 2, 3, current=3))
    city.web.endless = ending
    assert _refusal(phone) == RefusalReason.TAMPERED_FILE
    assert not list((tmp_path / "phone").rglob("*.partial"))
    city.web.endless = ""
    assert (phone.update(), phone.release) == (UpdateState.UPDATED, 3)


@pytest.mark.parametrize("ending", ["timestamp.json", ".model.tflite"])
def test_a_server_that_drips_is_given_up(
    phone: Phone, city: City, ending: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(metadata_client, "_METADATA_SECONDS", 0.2)
    monkeypatch.setattr(target_download, "_WINDOW_SECONDS", 0.2)
    city.publish(desired(1, 2, 3, current=3))
    city.web.dripping = ending
    assert _refusal(phone) == RefusalReason.UNREACHABLE
    assert phone.release == 2


def test_a_captive_portal_does_not_cost_what_was_downloaded(phone: Phone, city: City) -> None:
    city.publish(desired(1, 2, 3, current=3))
    city.web.cut_after = 900
    assert _refusal(phone) == RefusalReason.UNREACHABLE
    city.web.cut_after, city.web.ignores_ranges = None, True
    city.web.tamper = lambda path, content: b"<html>Sign in</html>" if path.endswith(".tflite") else content
    assert _refusal(phone) == RefusalReason.UNREACHABLE
    city.web.tamper, city.web.ignores_ranges = lambda _, content: content, False
    assert (phone.update(), phone.release) == (UpdateState.UPDATED, 3)
    assert city.web.ranges[-1] == "bytes=900-"


@pytest.mark.parametrize("status", [404, 500])
def test_a_model_that_is_signed_and_not_there_is_asked_for_again_later(phone: Phone, city: City, status: int) -> None:
    city.publish(desired(1, 2, 3, current=3))
    model = next(path for path in city.newest_files() if path.read_bytes() == updates.files(3)[1])
    content = model.read_bytes()
    model.unlink()
    city.web.missing_status = status
    assert _refusal(phone) == (RefusalReason.NOT_PUBLISHED if status == 404 else RefusalReason.UNREACHABLE)
    model.write_bytes(content)
    assert (phone.update(), phone.release) == (UpdateState.UPDATED, 3)
