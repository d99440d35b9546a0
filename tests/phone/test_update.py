"""A phone and its models: what it takes, what it refuses, and what it falls back to."""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from mobile_models.document import sha256
from mobile_models.label_set import Label, LabelSet
from mobile_models.manifest import ReleaseManifest
from mobile_models.updates.following.updater import RefusalReason, UpdateRefused
from mobile_models.updates.update_channel import Candidate, ChannelPointer, DownloadConditions
from phone.client import Phone, Surroundings, UpdateState
from tests import pictures, tiny_model, updates
from tests.phone.conftest import NOW, City, MakePhone
from tests.updates import desired, release


def _refusal(phone: Phone) -> RefusalReason:
    with pytest.raises(UpdateRefused) as caught:
        phone.update()
    return caught.value.reason


def test_a_phone_follows_its_channel_and_answers_with_the_new_model(phone: Phone, city: City) -> None:
    answer = phone.classify(pictures.jpeg("glass"))
    assert (answer.label, answer.prediction.release) == ("glass", 2)
    assert phone.update() == UpdateState.UP_TO_DATE


def test_after_a_restart_it_goes_on_with_the_model_it_had(phone: Phone, make_phone: MakePhone) -> None:
    assert make_phone("http://127.0.0.1:9").release == 2


def test_a_phone_that_was_never_online_answers_with_the_bundled_model(make_phone: MakePhone) -> None:
    phone = make_phone("http://127.0.0.1:9")
    assert phone.classify(pictures.jpeg("plastic")).label == "plastic"
    assert _refusal(phone) == RefusalReason.UNREACHABLE


def test_the_bundled_release_is_never_downloaded(city: City, make_phone: MakePhone) -> None:
    city.publish(desired(1, current=1))
    assert make_phone(city.web.url).update() == UpdateState.UP_TO_DATE
    assert city.web.moved(".tflite") == 0


def test_a_halted_rollout_takes_the_phone_back_without_a_download(phone: Phone, city: City) -> None:
    city.publish(desired(1, 2, 3, current=2, candidate=3, percent=100))
    assert (phone.update(), phone.release) == (UpdateState.UPDATED, 3)
    moved = city.web.moved(".tflite")
    city.publish(desired(1, 2, 3, current=2))
    assert (phone.update(), phone.release) == (UpdateState.UPDATED, 2)
    assert city.web.moved(".tflite") == moved, "the previous model was kept"


def test_return_to_bundled_takes_the_phone_back_to_the_bundled_release(phone: Phone, city: City) -> None:
    city.publish(replace(desired(1, 2), channels={"stable": ChannelPointer(current=2, return_to_bundled=True)}))
    assert (phone.update(), phone.release) == (UpdateState.RETURNED_TO_BUNDLED, 1)
    assert phone.update() == UpdateState.UP_TO_DATE


def test_a_phone_that_returned_to_the_bundled_release_stays_there_after_a_restart(
    phone: Phone, city: City, make_phone: MakePhone
) -> None:
    city.publish(replace(desired(1, 2), channels={"stable": ChannelPointer(current=2, return_to_bundled=True)}))
    phone.update()
    assert make_phone(city.web.url).release == 1
    _publish_other_self_tests(city)
    assert _refusal(phone) == RefusalReason.SELF_TEST_FAILED
    assert (phone.release, make_phone(city.web.url).release) == (1, 1)


def test_a_download_waits_for_the_surroundings_that_were_asked_for(phone: Phone, city: City) -> None:
    conditions = DownloadConditions(unmetered_only=True, charging_only=True, idle_only=True)
    candidate = Candidate(version=3, rollout_percent=100, salt="s", conditions=conditions)
    city.publish(replace(desired(1, 2, 3), channels={"stable": ChannelPointer(current=2, candidate=candidate)}))
    for missing in ("is_unmetered", "is_charging", "is_idle"):
        surroundings = Surroundings(**{missing: False})
        assert (phone.update(surroundings), phone.release) == (UpdateState.POSTPONED, 2)
    assert (phone.update(Surroundings()), phone.release) == (UpdateState.UPDATED, 3)


def test_the_current_release_may_wait_for_its_surroundings_too(phone: Phone, city: City) -> None:
    pointer = ChannelPointer(current=3, conditions=DownloadConditions(unmetered_only=True))
    city.publish(replace(desired(1, 2, 3), channels={"stable": pointer}))
    assert (phone.update(Surroundings(is_unmetered=False)), phone.release) == (UpdateState.POSTPONED, 2)
    assert (phone.update(Surroundings(is_charging=False)), phone.release) == (UpdateState.UPDATED, 3)


def test_only_the_model_in_use_and_the_one_before_are_kept(phone: Phone, city: City, tmp_path: Path) -> None:
    for version in (3, 4, 5):
        city.publish(desired(1, 2, 3, 4, 5, current=version))
        assert phone.update() == UpdateState.UPDATED
    kept = [ReleaseManifest.read(path).version for path in (tmp_path / "phone").rglob("manifest.json")]
    assert sorted(kept) == [4, 5]
    assert not list((tmp_path / "phone" / "models" / "downloads").iterdir())


# What a phone refuses. The old model goes on running.


def _tamper_with_model(city: City) -> None:
    city.publish(desired(1, 2, 3, current=3))
    city.web.tamper = lambda path, content: content[:-1] + b"x" if path.endswith(".tflite") else content


def _tamper_with_metadata(city: City) -> None:
    city.publish(desired(1, 2, 3, current=3))
    city.web.tamper = lambda path, content: (
        content.replace(b"models/3", b"models/4") if path.endswith(".json") else content
    )


def _let_metadata_expire(city: City) -> None:
    city.publish(desired(1, 2, 3, current=3), moment=NOW - timedelta(days=4))


def _publish_other_self_tests(city: City) -> None:
    manifest, _ = updates.files(3)
    document = json.loads(manifest)
    document["self_tests"][5]["logits"][2] += 1.0
    wrong = ReleaseManifest.model_validate(document).to_bytes()
    state = desired(current=3)
    city.publish(replace(state, releases=(release(1), release(2), release(3, manifest=wrong))))


def _publish_other_labels(city: City) -> None:
    model = tiny_model.model_bytes(3)
    labels = tuple(Label(id=name, name=name) for name in ("kitchen", "recyclable", "hazardous", "other", "a", "b"))
    manifest = tiny_model.manifest(model, 3, label_set=LabelSet(id="four_groups", version=1, labels=labels)).to_bytes()
    other = release(3, manifest=manifest, read_model=lambda: model)
    city.publish(replace(desired(current=3), releases=(release(1), release(2), other)))


def _publish_for_a_newer_runtime(city: City) -> None:
    manifest = ReleaseManifest.model_validate_json(updates.files(3)[0])
    newer = manifest.model_copy(update={"minimum_runtime_version": "99.0"}).to_bytes()
    city.publish(replace(desired(current=3), releases=(release(1), release(2), release(3, manifest=newer))))


def _publish_what_is_no_model(city: City) -> None:
    model = b"TFL3, and then nothing that LiteRT knows"
    good = ReleaseManifest.model_validate_json(updates.files(3)[0])
    named = good.model.model_copy(update={"sha256": sha256(model), "size_bytes": len(model)})
    broken = release(3, manifest=good.model_copy(update={"model": named}).to_bytes(), read_model=lambda: model)
    city.publish(replace(desired(current=3), releases=(release(1), release(2), broken)))


@pytest.mark.parametrize(
    ("harm", "reason"),
    [
        (_tamper_with_model, RefusalReason.TAMPERED_FILE),
        (_tamper_with_metadata, RefusalReason.TAMPERED_METADATA),
        (_let_metadata_expire, RefusalReason.EXPIRED_METADATA),
        (_publish_other_self_tests, RefusalReason.SELF_TEST_FAILED),
        (_publish_other_labels, RefusalReason.OTHER_LABEL_SET),
        (_publish_for_a_newer_runtime, RefusalReason.RUNTIME_TOO_OLD),
        (_publish_what_is_no_model, RefusalReason.MODEL_BROKEN),
    ],
    ids=lambda each: each.__name__.strip("_") if callable(each) else str(each),
)
def test_a_refused_update_leaves_the_old_model_running(
    phone: Phone, city: City, make_phone: MakePhone, harm: Callable[[City], None], reason: RefusalReason
) -> None:
    harm(city)
    assert _refusal(phone) == reason
    assert _refusal(phone) == reason, "and again"
    for each in (phone, make_phone(city.web.url)):
        assert each.release == 2
        assert each.classify(pictures.jpeg("metal")).label == "metal"
    city.web.tamper = lambda _, content: content
    city.publish(desired(1, 2, 4, current=4))
    assert (phone.update(), phone.release) == (UpdateState.UPDATED, 4), "a good release is taken after a bad one"


def test_older_metadata_is_refused_and_the_newer_model_goes_on_running(phone: Phone, city: City) -> None:
    before = {path: path.read_bytes() for path in (city.folder / "metadata").iterdir()}
    city.publish(desired(1, 2, 3, current=3))
    assert (phone.update(), phone.release) == (UpdateState.UPDATED, 3)
    for path, content in before.items():
        path.write_bytes(content)
    assert _refusal(phone) == RefusalReason.OLDER_METADATA
    assert phone.release == 3


def test_a_model_that_failed_here_is_not_downloaded_again_and_again(
    phone: Phone, city: City, make_phone: MakePhone
) -> None:
    _publish_other_self_tests(city)
    moved = city.web.moved(".tflite")
    assert _refusal(phone) == RefusalReason.SELF_TEST_FAILED
    once = city.web.moved(".tflite")
    assert once > moved
    for each in (phone, make_phone(city.web.url)):
        assert _refusal(each) == RefusalReason.SELF_TEST_FAILED
    assert city.web.moved(".tflite") == once


def test_a_newer_runtime_may_try_a_refused_model_again(
    phone: Phone, city: City, monkeypatch: pytest.MonkeyPatch
) -> None:
    _publish_other_self_tests(city)
    assert _refusal(phone) == RefusalReason.SELF_TEST_FAILED
    moved = city.web.moved(".tflite")
    monkeypatch.setattr("phone.model_store.runtime_version", lambda: "99.0")
    assert _refusal(phone) == RefusalReason.SELF_TEST_FAILED
    assert city.web.moved(".tflite") > moved


# Damage on the phone.


def test_a_model_damaged_on_the_phone_is_replaced_by_the_one_before_and_fetched_again(
    phone: Phone, city: City, make_phone: MakePhone, tmp_path: Path
) -> None:
    city.publish(desired(1, 2, 3, current=3))
    assert phone.update() == UpdateState.UPDATED
    for path in (tmp_path / "phone" / "models").rglob("manifest.json"):
        if ReleaseManifest.read(path).version == 3:
            path.with_name("model.tflite").write_bytes(b"damaged")
    again = make_phone(city.web.url)
    assert again.release == 2
    assert (again.update(), again.release) == (UpdateState.UPDATED, 3)


def test_when_all_that_was_installed_is_damaged_the_bundled_model_answers(
    phone: Phone, city: City, make_phone: MakePhone, tmp_path: Path
) -> None:
    city.publish(desired(1, 2, 3, current=3))
    assert phone.update() == UpdateState.UPDATED
    for path in (tmp_path / "phone" / "models").rglob("model.tflite"):
        path.unlink()
    again = make_phone(city.web.url)
    assert (again.release, again.classify(pictures.jpeg("paper")).label) == (1, "paper")
    assert (again.update(), again.release) == (UpdateState.UPDATED, 3)


class _Killed(BaseException):
    pass


def test_killed_at_any_step_of_an_update_the_phone_starts_again_with_a_model_that_works(
    city: City, make_phone: MakePhone, monkeypatch: pytest.MonkeyPatch
) -> None:
    from mobile_models import durable_file  # noqa: PLC0415

    steps, left, while_loading = 0, -1, 0

    def step(real: Callable[..., None]) -> Callable[..., None]:
        def counted(*arguments: object, **options: object) -> None:
            nonlocal left
            if "metadata" not in Path(str(arguments[0])).parts:  # That is another test (test_long_away.py).
                if left == 0:
                    raise _Killed
                left -= 1
            real(*arguments, **options)

        return counted

    for name in ("write", "sync"):
        monkeypatch.setattr(durable_file, name, step(getattr(durable_file, name)))
    monkeypatch.setattr(Path, "rename", step(Path.rename))
    city.publish(desired(1, 2, current=2))
    while True:
        left = -1
        make_phone(city.web.url, f"phone-{steps}").register()
        left = steps
        try:
            make_phone(city.web.url, f"phone-{steps}").update()
        except _Killed:
            left = -1
            again = make_phone(city.web.url, f"phone-{steps}")
            assert again.classify(pictures.jpeg("trash")).label == "trash"
            try:
                assert again.update() in (UpdateState.UPDATED, UpdateState.UP_TO_DATE)
                assert again.release == 2
            except UpdateRefused as refusal:
                assert (refusal.reason, again.release) == (RefusalReason.CRASHED, 1)
                while_loading += 1
            steps += 1
        else:
            break
    assert steps >= 10
    assert 1 <= while_loading <= 3


def test_a_download_cut_by_a_restart_goes_on(city: City, make_phone: MakePhone) -> None:
    city.publish(desired(1, 2, current=2))
    city.web.cut_after = 1500
    assert _refusal(make_phone(city.web.url)) == RefusalReason.UNREACHABLE
    city.web.cut_after = None
    assert make_phone(city.web.url).update() == UpdateState.UPDATED
    assert city.web.moved(".tflite") == len(updates.files(2)[1])


def test_what_had_come_of_a_release_that_was_halted_gives_its_room_back(
    phone: Phone, city: City, tmp_path: Path
) -> None:
    city.publish(desired(1, 2, 3, current=2, candidate=3, percent=100))
    city.web.cut_after = 1500
    assert _refusal(phone) == RefusalReason.UNREACHABLE
    assert list((tmp_path / "phone" / "models" / "downloads").iterdir())
    city.publish(desired(1, 2, 3, current=2))
    assert phone.update() == UpdateState.UP_TO_DATE
    assert not list((tmp_path / "phone" / "models" / "downloads").iterdir())


@pytest.mark.parametrize("name", ["manifest.json", "installed.json"])
def test_documents_damaged_on_the_phone_stop_neither_answers_nor_updates(
    phone: Phone, city: City, make_phone: MakePhone, tmp_path: Path, name: str
) -> None:
    city.publish(desired(1, 2, 3, current=3))
    assert phone.update() == UpdateState.UPDATED
    for path in (tmp_path / "phone" / "models").rglob(name):
        path.write_bytes(b"\x00" * 100)
    again = make_phone(city.web.url)
    assert (again.release, again.classify(pictures.jpeg("paper")).label) == (1, "paper")
    assert (again.update(), again.release) == (UpdateState.UPDATED, 3)


def _publish_for_a_newer_app(city: City) -> None:
    manifest = ReleaseManifest.model_validate_json(updates.files(3)[0])
    newer = manifest.model_copy(update={"minimum_app_version": "99.0"}).to_bytes()
    city.publish(replace(desired(current=3), releases=(release(1), release(2), release(3, manifest=newer))))


@pytest.mark.parametrize(
    ("publish", "reason"),
    [
        (_publish_for_a_newer_app, RefusalReason.APP_TOO_OLD),
        (_publish_for_a_newer_runtime, RefusalReason.RUNTIME_TOO_OLD),
        (_publish_other_labels, RefusalReason.OTHER_LABEL_SET),
    ],
)
def test_a_release_that_does_not_fit_is_refused_without_downloading_it(
    phone: Phone, city: City, publish: Callable[[City], None], reason: RefusalReason
) -> None:
    moved = city.web.moved(".tflite")
    publish(city)
    assert (_refusal(phone), phone.release) == (reason, 2)
    assert city.web.moved(".tflite") == moved


def test_a_phone_follows_the_channel_that_was_chosen(city: City, make_phone: MakePhone) -> None:
    channels = {"stable": ChannelPointer(current=2), "beta": ChannelPointer(current=3)}
    city.publish(replace(desired(1, 2, 3), channels=channels))
    for channel, version in (("beta", 3), ("stable", 2)):
        phone = make_phone(city.web.url, channel=channel)
        assert (phone.update(), phone.release) == (UpdateState.UPDATED, version)
