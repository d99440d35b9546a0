"""Patches: fewer bytes, and the whole model wherever anything is wrong with one."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from mobile_models.document import sha256
from mobile_models.updates import patches
from mobile_models.updates.following import target_download
from mobile_models.updates.following.updater import RefusalReason, UpdateRefused
from mobile_models.updates.publishing.desired_state import DesiredPatch, DesiredState
from mobile_models.updates.publishing.repository import DesiredRelease
from phone.client import Phone, UpdateState
from tests import pictures, updates
from tests.phone.conftest import City, MakePhone
from tests.updates import desired

PADDING = 40_000
"""Large enough that a patch is worth it."""


def _release(version: int) -> DesiredRelease:
    manifest, model = updates.files(version, PADDING)
    return DesiredRelease(version, manifest, lambda: model)


def _patch(old: int, new: int, content: bytes | None = None) -> DesiredPatch:
    before, after = (updates.files(version, PADDING if version > 1 else 0)[1] for version in (old, new))
    made = content or patches.make(before, after)
    assert made is not None
    return DesiredPatch(patches.target_path(sha256(before), sha256(after)), len(made), sha256(made), lambda: made)


def _state(current: int, *published: DesiredPatch) -> DesiredState:
    state = desired(1, current=current)
    return replace(state, releases=(*state.releases, _release(2), _release(3)), patches=published)


@pytest.fixture
def phone(city: City, make_phone: MakePhone) -> Phone:
    """A phone that runs the large release 2."""
    city.publish(_state(2))
    phone = make_phone(city.web.url)
    assert phone.update() == UpdateState.UPDATED
    city.web.bodies.clear()
    return phone


def _counted_reasons(phone: Phone) -> set[str]:
    return {reason for each in phone._usage._counted.open for reason in each.use.refused}


def test_a_phone_takes_the_patch_from_the_model_it_runs(phone: Phone, city: City) -> None:
    patch = _patch(2, 3)
    city.publish(_state(3, patch))
    assert (phone.update(), phone.release) == (UpdateState.UPDATED, 3)
    assert phone.classify(pictures.jpeg("glass")).prediction.release == 3
    assert (city.web.moved(".patch"), city.web.moved(".tflite")) == (patch.length, 0)


def test_a_phone_takes_the_patch_from_the_bundled_model(city: City, make_phone: MakePhone) -> None:
    patch = _patch(1, 3)
    city.publish(_state(3, patch))
    phone = make_phone(city.web.url)
    assert (phone.update(), phone.release) == (UpdateState.UPDATED, 3)
    assert (city.web.moved(".patch"), city.web.moved(".tflite")) == (patch.length, 0)


def test_a_patch_is_resumed_where_it_was_cut(phone: Phone, city: City) -> None:
    patch = _patch(2, 3)
    city.publish(_state(3, patch))
    city.web.cut = lambda path, content: content[:60] if path.endswith(".patch") else content
    with pytest.raises(UpdateRefused) as caught:
        phone.update()
    assert (caught.value.reason, phone.release) == (RefusalReason.UNREACHABLE, 2)
    city.web.cut = lambda _, content: content
    assert (phone.update(), phone.release) == (UpdateState.UPDATED, 3)
    assert city.web.ranges == ["bytes=60-"]
    assert (city.web.moved(".patch"), city.web.moved(".tflite")) == (patch.length, 0)


def test_what_is_left_of_the_whole_model_is_taken_where_it_is_less_than_the_patch(phone: Phone, city: City) -> None:
    _, model = updates.files(3, PADDING)
    city.publish(_state(3))
    city.web.cut_after = len(model) - 40
    with pytest.raises(UpdateRefused):
        phone.update()
    city.web.cut_after = None
    city.publish(_state(3, _patch(2, 3)))
    assert (phone.update(), phone.release) == (UpdateState.UPDATED, 3)
    assert city.web.moved(".patch") == 0
    assert city.web.moved(".tflite") == len(model)


def _remove(city: City) -> None:
    next(city.folder.rglob("*.patch")).unlink()


def _damage_on_the_way(city: City) -> None:
    city.web.tamper = lambda path, content: content[:-1] + b"x" if path.endswith(".patch") else content


def _longer_than_signed(city: City) -> None:
    city.web.tamper = lambda path, content: content + b"x" if path.endswith(".patch") else content


@pytest.mark.parametrize("harm", [_remove, _damage_on_the_way, _longer_than_signed])
def test_where_a_patch_cannot_be_had_the_whole_model_comes_and_it_is_counted(
    phone: Phone, city: City, harm: Callable[[City], None]
) -> None:
    city.publish(_state(3, _patch(2, 3)))
    harm(city)
    assert (phone.update(), phone.release) == (UpdateState.UPDATED, 3)
    assert city.web.moved(".tflite") == len(updates.files(3, PADDING)[1])
    assert _counted_reasons(phone) == {"patch_failed"}


@pytest.mark.parametrize("content", ["of another model", "no patch at all"])
def test_a_patch_of_a_thief_makes_no_model_that_targets_did_not_sign(
    phone: Phone, city: City, content: str, tmp_path: Path
) -> None:
    """The key of `channels` is enough to publish any patch; its result must still have the signed digest."""
    evil = updates.files(9, PADDING)[1]
    made = patches.make(updates.files(2, PADDING)[1], evil) if content == "of another model" else b"x" * 200
    city.publish(_state(3, _patch(2, 3, made)))
    assert (phone.update(), phone.release) == (UpdateState.UPDATED, 3)
    assert city.web.moved(".tflite") == len(updates.files(3, PADDING)[1]), "the whole model was taken"
    assert not [path for path in (tmp_path / "phone").rglob("*") if path.is_file() and path.read_bytes() == evil]
    assert not list((tmp_path / "phone" / "models" / "downloads").iterdir())


def test_no_room_for_the_patched_model_is_a_full_disk(
    phone: Phone, city: City, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    city.publish(_state(3, _patch(2, 3)))
    whole = len(updates.files(3, PADDING)[1])
    real = target_download.shutil.disk_usage

    def nearly_full(path: Path) -> object:
        return real(path)._replace(free=target_download._ROOM_TO_LEAVE_BYTES + whole - 1)

    monkeypatch.setattr(target_download.shutil, "disk_usage", nearly_full)
    with pytest.raises(UpdateRefused) as caught:
        phone.update()
    assert (caught.value.reason, phone.release) == (RefusalReason.DISK_FULL, 2)
    assert not list((tmp_path / "phone" / "models" / "downloads").iterdir())
