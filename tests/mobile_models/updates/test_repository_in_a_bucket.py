"""The update repository in an S3-compatible bucket (moto's server)."""

import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import obstore
import pytest
from moto.server import ThreadedMotoServer
from obstore.store import S3Store

from mobile_models.updates.following import updater
from mobile_models.updates.following.updater import UpdateSource
from mobile_models.updates.keys.signing_keys import KeyRing
from mobile_models.updates.publishing import repository, stored_files
from mobile_models.updates.publishing.repository import RepositoryBusy, RepositoryInvalid
from mobile_models.updates.publishing.repository_edit import RepositoryEdit
from mobile_models.updates.publishing.repository_files import put_numbered, put_timestamp
from mobile_models.updates.update_roles import UpdateRole
from tests import updates
from tests.updates import desired


@pytest.fixture(scope="module")
def bucket() -> Iterator[S3Store]:
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    name = f"city-{uuid.uuid4()}"
    address = f"http://{host}:{port}"
    try:
        httpx.put(f"{address}/{name}", headers={"x-amz-acl": "public-read"}, timeout=60).raise_for_status()
        yield S3Store(
            name,
            prefix="updates",
            endpoint=address,
            region="us-east-1",
            access_key_id="any",
            secret_access_key="any",
            client_options={"allow_http": True},
        )
    finally:
        server.stop()


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> KeyRing:
    return updates.embedded_keys(tmp_path_factory.mktemp("keys"))


@pytest.fixture(scope="module", autouse=True)
def published(bucket: S3Store, keys: KeyRing) -> None:
    repository.reconcile(bucket, keys, desired(1, current=1))


def test_a_phone_updates_from_a_bucket_without_any_server_of_ours(
    bucket: S3Store, keys: KeyRing, tmp_path: Path
) -> None:
    url = f"{bucket.config['endpoint']}/{bucket.config['bucket']}/updates"
    with httpx.Client(timeout=60) as http:
        source = UpdateSource(url, keys.trusted_root, tmp_path / "phone", http)
        offer = updater.look(source, "stable", "phone-1")
        assert offer is not None
        manifest, model = updates.files(1)
        assert offer.manifest_content == manifest
        assert updater.download(source, offer.model, tmp_path / "downloads").read_bytes() == model


def test_publishing_goes_on_and_verifies(bucket: S3Store, keys: KeyRing) -> None:
    assert repository.reconcile(bucket, keys, desired(1, 2, current=1, candidate=2)).published == (2,)
    assert not repository.reconcile(bucket, keys, desired(1, 2, current=1, candidate=2)).changed
    assert repository.verify(bucket, keys.trusted_root).versions == {1, 2}


def test_a_numbered_file_is_never_overwritten(bucket: S3Store) -> None:
    content = bytes(obstore.get(bucket, "metadata/1.targets.json").bytes())
    put_numbered(bucket, UpdateRole.TARGETS, 1, content)
    with pytest.raises(RepositoryBusy, match="exists with other content"):
        put_numbered(bucket, UpdateRole.TARGETS, 1, b"{}")
    assert bytes(obstore.get(bucket, "metadata/1.targets.json").bytes()) == content


def test_caches_are_told_what_may_be_kept(bucket: S3Store) -> None:
    kept = {
        path: obstore.get(bucket, path).attributes["Cache-Control"]
        for path in ("metadata/timestamp.json", "metadata/1.root.json")
    }
    assert kept == {
        "metadata/timestamp.json": "no-cache",
        "metadata/1.root.json": "public, max-age=31536000, immutable",
    }


# Two publishers at once. Nothing locks a bucket; the timestamp's ETag decides.


def test_of_two_publishers_the_slower_is_refused_before_phones_notice_anything(bucket: S3Store, keys: KeyRing) -> None:
    """The slow one has written all its files but the timestamp when the fast one publishes."""
    repository.reconcile(bucket, keys, desired(1, 2, current=1))
    slow = RepositoryEdit.of(bucket, keys, datetime.now(UTC))
    slow.set_channels({})
    slow._renew_snapshot()
    repository.reconcile(bucket, keys, desired(1, 2, current=2))
    with pytest.raises(RepositoryBusy, match="another publisher has published meanwhile"):
        slow.publish()
    assert repository.verify(bucket, keys.trusted_root).channels["stable"].current == 2


def test_of_two_publishers_that_began_at_the_same_time_one_is_refused_and_its_next_attempt_succeeds(
    bucket: S3Store, keys: KeyRing
) -> None:
    repository.reconcile(bucket, keys, desired(1, 2, current=1))
    first, second = (RepositoryEdit.of(bucket, keys, datetime.now(UTC)) for _ in range(2))
    pointers = dict(first.chain.channels.signed.targets)
    first.set_channels(pointers)
    with pytest.raises(RepositoryBusy, match="is there a second publisher"):
        second.set_channels({})
    assert first.publish()
    assert repository.reconcile(bucket, keys, desired(1, 2, current=2)).changed
    assert repository.verify(bucket, keys.trusted_root).channels["stable"].current == 2


def test_a_bucket_that_holds_a_repository_is_not_begun_a_second_time(bucket: S3Store, keys: KeyRing) -> None:
    with pytest.raises(RepositoryBusy):
        put_timestamp(bucket, b"{}", None)
    repository.create(bucket, keys)
    repository.verify(bucket, keys.trusted_root)


def test_old_files_leave_a_bucket(bucket: S3Store, keys: KeyRing) -> None:
    repository.reconcile(bucket, keys, desired(1, 2, current=1))
    later = datetime.now(UTC) + timedelta(days=8)
    repository.reconcile(bucket, keys, desired(2, current=2))
    repository.reconcile(bucket, keys, desired(2, current=2), moment=later)
    models = [path for path, _ in stored_files.ages(bucket, "targets") if path.endswith(".tflite")]
    assert len(models) == 1
    assert repository.verify(bucket, keys.trusted_root).versions == {2}


def test_a_bucket_that_ignores_conditions_is_refused_before_anything_is_written(
    bucket: S3Store, keys: KeyRing, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Some stores that speak S3 take the headers and overwrite all the same."""
    put = obstore.put

    def careless(*given: Any, mode: object = None, **options: Any) -> object:
        return put(*given, **options)

    monkeypatch.setattr(obstore, "put", careless)
    options = {name: bucket.config[name] for name in ("endpoint", "region", "access_key_id", "secret_access_key")}
    other = S3Store(bucket.config["bucket"], prefix="careless", client_options={"allow_http": True}, **options)
    with pytest.raises(RepositoryInvalid, match="ignores conditional writes"):
        repository.reconcile(other, keys, desired(1, current=1))
    assert not list(stored_files.ages(other, ""))
