"""Each refusal of a phone, against the real repository over real HTTP."""

import gzip
import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
from obstore.store import LocalStore
from tuf.api.metadata import TargetFile

from mobile_models.label_set import Label, LabelSet
from mobile_models.manifest import ReleaseManifest
from mobile_models.updates.following import metadata_client, updater
from mobile_models.updates.following.updater import Offer, RefusalReason, UpdateRefused, UpdateSource
from mobile_models.updates.keys import signing_keys
from mobile_models.updates.keys.signing_keys import KeyRing
from mobile_models.updates.publishing import repository
from mobile_models.updates.publishing.repository_edit import RepositoryEdit
from mobile_models.updates.publishing.repository_files import put_target, read_chain
from mobile_models.updates.update_channel import Candidate, ChannelPointer, DownloadConditions, in_cohort
from tests import updates
from tests.updates import StaticServer, desired

NOW = datetime.now(UTC)


class World:
    """A city with a repository, its server, and one phone's update source."""

    def __init__(self, folder: Path, server: StaticServer, keys: KeyRing, http: httpx.Client) -> None:
        self.store = LocalStore(folder / "updates", mkdir=True)
        self.folder, self.server, self.keys, self.http = folder, server, keys, http
        self.source = UpdateSource(f"{server.url}/updates", keys.trusted_root, folder / "phone", http)

    def publish(self, *versions: int, moment: datetime = NOW, **pointer: int) -> None:
        repository.reconcile(self.store, self.keys, desired(*versions, **pointer), moment=moment)  # type: ignore[arg-type]

    def look(self, device_id: str = "phone-1") -> Offer | None:
        return updater.look(self.source, "stable", device_id)

    def offer(self) -> Offer:
        offer = self.look()
        assert offer is not None
        return offer

    def download(self) -> Path:
        return updater.download(self.source, self.offer().model, self.folder / "downloads")

    def refusal(self) -> RefusalReason:
        with pytest.raises(UpdateRefused) as caught:
            self.look()
        return caught.value.reason

    def file(self, pattern: str) -> Path:
        """The file of the repository that matches; of numbered ones the newest."""
        found = {path: path.name.partition(".")[0] for path in (self.folder / "updates").rglob(pattern)}
        return max(found, key=lambda path: int(found[path]) if found[path].isdecimal() else 0)


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> KeyRing:
    return updates.embedded_keys(tmp_path_factory.mktemp("keys"))


@pytest.fixture
def world(tmp_path: Path, keys: KeyRing) -> Iterator[World]:
    with updates.serving(tmp_path) as server, httpx.Client(timeout=30) as http:
        yield World(tmp_path, server, keys, http)


def test_a_phone_is_offered_what_its_channel_names(world: World) -> None:
    world.publish(1, 2, current=1)
    manifest, model = updates.files(1)
    assert world.offer().manifest_content == manifest
    assert world.download().read_bytes() == model


def test_only_phones_of_the_cohort_are_offered_the_candidate(world: World) -> None:
    world.publish(1, 2, current=1, candidate=2, percent=50)
    devices = [f"phone-{number}" for number in range(12)]
    offered = {device: (offer.manifest.version if (offer := world.look(device)) else None) for device in devices}
    assert offered == {device: 2 if in_cohort(device, "salt", 50) else 1 for device in devices}
    assert set(offered.values()) == {1, 2}


def test_conditions_of_the_candidate_come_with_the_offer(world: World) -> None:
    conditions = DownloadConditions(unmetered_only=True)
    candidate = Candidate(version=2, rollout_percent=100, salt="s", conditions=conditions)
    state = replace(desired(1, 2), channels={"stable": ChannelPointer(current=1, candidate=candidate)})
    repository.reconcile(world.store, world.keys, state)
    assert world.offer().conditions == conditions


def test_a_phone_without_news_moves_less_than_a_kilobyte(world: World) -> None:
    world.publish(1, current=1)
    world.download()
    world.server.bodies.clear()
    world.download()
    assert sum(size for _, size in world.server.bodies) < 1024


def test_return_to_bundled_is_offered_as_none(world: World) -> None:
    state = replace(desired(1), channels={"stable": ChannelPointer(current=1, return_to_bundled=True)})
    repository.reconcile(world.store, world.keys, state)
    assert world.look() is None


# Refusals.


def test_a_channel_that_is_not_there_is_refused(world: World) -> None:
    repository.create(world.store, world.keys)
    assert world.refusal() == RefusalReason.NOT_PUBLISHED


@pytest.mark.parametrize("role", ["timestamp.json", "*.snapshot.json", "*.targets.json", "*.channels.json"])
def test_metadata_changed_by_one_character_is_refused(world: World, role: str) -> None:
    world.publish(1, current=1)
    path = world.file(role)
    document = json.loads(path.read_bytes())
    document["signed"]["expires"] = "2099-01-01T00:00:00Z"
    path.write_text(json.dumps(document))
    assert world.refusal() == RefusalReason.TAMPERED_METADATA


def test_metadata_that_is_no_metadata_is_refused(world: World) -> None:
    world.publish(1, current=1)
    world.file("timestamp.json").write_bytes(b"<html>Please sign in to this network</html>")
    assert world.refusal() == RefusalReason.TAMPERED_METADATA


def test_endless_metadata_is_refused(world: World) -> None:
    world.publish(1, current=1)
    world.file("timestamp.json").write_bytes(b" " * 1_000_000)
    assert world.refusal() == RefusalReason.TAMPERED_METADATA


def test_metadata_is_never_unpacked(world: World) -> None:
    """A mirror could pack gigabytes into what is sent."""
    world.publish(1, current=1)
    wanted: list[str] = []

    def packed(request: httpx.Request) -> httpx.Response:
        wanted.append(request.headers["Accept-Encoding"])
        file = world.folder / request.url.path.lstrip("/")
        if not file.is_file():
            return httpx.Response(404)
        content = httpx.ByteStream(gzip.compress(file.read_bytes()))
        return httpx.Response(200, headers={"Content-Encoding": "gzip"}, stream=content)

    with httpx.Client(transport=httpx.MockTransport(packed)) as http:
        world.source = replace(world.source, http=http)
        assert world.refusal() == RefusalReason.TAMPERED_METADATA
    assert set(wanted) == {"identity"}


def test_metadata_of_another_city_is_refused(world: World, tmp_path: Path) -> None:
    others = updates.embedded_keys(tmp_path / "others")
    repository.reconcile(world.store, others, desired(1, current=1))
    assert world.refusal() == RefusalReason.TAMPERED_METADATA


def test_expired_metadata_is_refused_and_accepted_once_it_is_signed_anew(world: World) -> None:
    world.publish(1, current=1, moment=NOW - timedelta(days=4))
    assert world.refusal() == RefusalReason.EXPIRED_METADATA
    world.publish(1, current=1)
    assert world.offer().manifest.version == 1


def test_an_attacker_who_holds_back_news_is_noticed_when_the_timestamp_expires(world: World) -> None:
    world.publish(1, current=1)
    assert world.offer().manifest.version == 1
    world.source = replace(world.source, clock=lambda: NOW + timedelta(days=3, minutes=1))
    assert world.refusal() == RefusalReason.EXPIRED_METADATA


def test_an_older_repository_is_refused_after_a_newer_one_was_seen(world: World) -> None:
    world.publish(1, 2, current=1)
    before = {path: path.read_bytes() for path in (world.folder / "updates").rglob("*.json")}
    world.publish(1, 2, current=2)
    assert world.offer().manifest.version == 2
    for path, content in before.items():
        path.write_bytes(content)
    assert world.refusal() == RefusalReason.OLDER_METADATA


def test_a_model_that_only_the_channels_key_signed_is_never_offered(world: World, tmp_path: Path) -> None:
    """A thief of the online keys lists a model of his own and points phones to it."""
    world.publish(1, current=1)
    manifest, model = updates.files(9)
    signers = tuple(signer for signer in world.keys.signers)
    edit = RepositoryEdit(world.store, signers, read_chain(world.store), NOW)
    pointer = ChannelPointer(current=9).to_bytes()
    contents = {"models/9/manifest.json": manifest, "models/9/model.tflite": model, "channels/stable.json": pointer}
    files = {path: TargetFile.from_data(path, content, ["sha256"]) for path, content in contents.items()}
    for path, target in files.items():
        put_target(world.store, target, contents[path])
    edit.set_channels(files)
    edit.publish()
    assert world.refusal() == RefusalReason.NOT_PUBLISHED


def test_the_online_keys_cannot_sign_a_model(world: World, tmp_path: Path) -> None:
    keys = updates.production_keys(tmp_path / "city")
    everything = signing_keys.load(tmp_path / "city")
    source = replace(world.source, trusted_root=keys.trusted_root)
    repository.reconcile(world.store, everything, desired(1, current=1))
    chain = read_chain(world.store)
    forged = chain.targets
    forged.signed.version += 1
    for signer in keys.signers:
        forged.sign(signer, append=True)
    world.file("*.targets.json").with_name("3.targets.json").write_bytes(forged.to_bytes())
    edit = RepositoryEdit(world.store, keys.signers, replace(chain, targets=forged), NOW)
    edit.publish()
    with pytest.raises(UpdateRefused) as caught:
        updater.look(source, "stable", "phone-1")
    assert caught.value.reason == RefusalReason.TAMPERED_METADATA


def test_a_signed_manifest_that_names_another_model_is_refused(world: World) -> None:
    world.publish(1, 2, current=1)
    edit = RepositoryEdit(world.store, world.keys.signers, read_chain(world.store), NOW)
    files = dict(edit.chain.targets.signed.targets)
    other = files["models/2/model.tflite"]
    files["models/1/model.tflite"] = TargetFile(other.length, other.hashes, "models/1/model.tflite")
    edit.set_targets(files)
    edit.publish()
    assert world.refusal() == RefusalReason.TAMPERED_METADATA


def test_a_server_that_trickles_metadata_is_given_up(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.publish(1, current=1)
    monkeypatch.setattr(metadata_client, "_METADATA_SECONDS", -1.0)
    assert world.refusal() == RefusalReason.UNREACHABLE


def test_a_server_that_is_away_is_unreachable_and_no_refusal_of_the_release(world: World) -> None:
    source = replace(world.source, url="http://127.0.0.1:9/updates")
    with pytest.raises(UpdateRefused) as caught:
        updater.look(source, "stable", "phone-1")
    assert caught.value.reason == RefusalReason.UNREACHABLE


# Downloads.


@pytest.mark.parametrize("change", ["flip", "longer"])
def test_a_tampered_model_is_refused_and_nothing_of_it_is_kept(world: World, change: str) -> None:
    world.publish(1, current=1)
    path = world.file("*.model.tflite")
    content = path.read_bytes()
    path.write_bytes(content + b"x" if change == "longer" else bytes([content[0] ^ 1]) + content[1:])
    with pytest.raises(UpdateRefused) as caught:
        world.download()
    assert caught.value.reason == RefusalReason.TAMPERED_FILE
    assert not list((world.folder / "downloads").iterdir())


def test_a_tampered_manifest_is_refused(world: World) -> None:
    world.publish(1, current=1)
    path = world.file("*.manifest.json")
    path.write_bytes(path.read_bytes().replace(b"Apache-2.0", b"Apache-9.9"))
    assert world.refusal() == RefusalReason.TAMPERED_FILE


def test_a_download_goes_on_where_it_was_cut(world: World) -> None:
    world.publish(1, current=1)
    _, model = updates.files(1)
    for cut in (1000, 700):
        world.server.cut_after = cut
        with pytest.raises(UpdateRefused) as caught:
            world.download()
        assert caught.value.reason == RefusalReason.UNREACHABLE
    world.server.cut_after = None
    assert world.download().read_bytes() == model
    assert world.server.ranges == ["bytes=1000-", "bytes=1700-"]
    assert world.server.moved(".tflite") == len(model), "no byte came twice"


def test_a_server_without_ranges_sends_everything_again(world: World) -> None:
    world.publish(1, current=1)
    world.server.cut_after = 1000
    with pytest.raises(UpdateRefused):
        world.download()
    world.server.cut_after, world.server.ignores_ranges = None, True
    assert world.download().read_bytes() == updates.files(1)[1]


def test_a_partial_file_that_was_damaged_is_fetched_again(world: World) -> None:
    world.publish(1, current=1)
    offer = world.offer()
    partial = world.folder / "downloads" / f"{offer.model.hashes['sha256']}.partial"
    for damaged in (b"x" * 500, b"x" * (offer.model.length + 10)):
        partial.parent.mkdir(exist_ok=True)
        partial.write_bytes(damaged)
        complete = world.download()
        assert complete.read_bytes() == updates.files(1)[1]
        complete.unlink()


def test_what_is_downloaded_is_not_fetched_again(world: World) -> None:
    world.publish(1, current=1)
    assert world.download() == world.download()
    assert world.server.moved(".tflite") == len(updates.files(1)[1])


# What fits.


def _offer(**changes: object) -> tuple[Offer, ReleaseManifest]:
    known = ReleaseManifest.model_validate_json(updates.files(1)[0])
    offered = known.model_copy(update=changes)
    return Offer(offered, offered.to_bytes(), TargetFile(1, {"sha256": "0"}, "model"), DownloadConditions()), known


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"minimum_runtime_version": "99.0"}, RefusalReason.RUNTIME_TOO_OLD),
        ({"minimum_runtime_version": "2.3.1"}, RefusalReason.RUNTIME_TOO_OLD),
        ({"minimum_app_version": "0.10"}, RefusalReason.APP_TOO_OLD),
    ],
)
def test_a_release_that_asks_for_more_than_this_phone_has_is_refused(
    changes: dict[str, object], reason: RefusalReason
) -> None:
    offer, known = _offer(**changes)
    with pytest.raises(UpdateRefused) as caught:
        updater.check_fits(offer, known, runtime_version="2.3.0", app_version="0.9")
    assert caught.value.reason == reason


@pytest.mark.parametrize("minimum", ["2.3", "2.3.0", "2", "2.2.99", "1.10"])
def test_a_release_for_this_runtime_or_an_older_one_fits(minimum: str) -> None:
    offer, known = _offer(minimum_runtime_version=minimum)
    updater.check_fits(offer, known, runtime_version="2.3", app_version="0.9")


def test_a_label_set_that_only_appends_fits_in_both_directions_and_another_does_not() -> None:
    offer, known = _offer()
    labels = known.label_set.labels
    longer = LabelSet(id="trashnet", version=2, labels=(*labels, Label(id="textiles", name="Textiles")))
    for one, other in ((known.label_set, longer), (longer, known.label_set)):
        fitting = replace(offer, manifest=offer.manifest.model_copy(update={"label_set": other}))
        app = known.model_copy(update={"label_set": one})
        updater.check_fits(fitting, app, runtime_version="9", app_version="9")
    for other in (LabelSet(id="trashnet", version=2, labels=labels[::-1]), LabelSet(id="x", version=1, labels=labels)):
        unfit = replace(offer, manifest=offer.manifest.model_copy(update={"label_set": other}))
        with pytest.raises(UpdateRefused, match="other_label_set"):
            updater.check_fits(unfit, known, runtime_version="9", app_version="9")
