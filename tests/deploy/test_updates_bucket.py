"""A bucket behind plain HTTP: what the publisher uploads needs no server of ours, and caches are told the right thing.

The bucket is moto's, a real HTTP server that speaks S3.
"""

import json
from collections.abc import Iterator
from pathlib import Path

import boto3
import httpx
import obstore
import pytest
from moto.server import ThreadedMotoServer
from obstore.store import S3Store

from mobile_models.updates.following import updater
from mobile_models.updates.following.updater import UpdateSource
from mobile_models.updates.keys.signing_keys import KeyRing
from mobile_models.updates.publishing import repository
from tests import updates

DEPLOY = Path(__file__).parents[2] / "deploy"
FOR_EVER = "public, max-age=31536000, immutable"


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    try:
        yield f"http://{host}:{port}"
    finally:
        server.stop()


@pytest.fixture(scope="module")
def store(endpoint: str) -> S3Store:
    httpx.put(f"{endpoint}/delivery", headers={"x-amz-acl": "public-read"}, timeout=60).raise_for_status()
    return S3Store(
        "delivery",
        prefix="updates",
        endpoint=endpoint,
        region="us-east-1",
        access_key_id="any",
        secret_access_key="any",
        client_options={"allow_http": True},
    )


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory, store: S3Store) -> KeyRing:
    """Of the repository in the bucket, where everybody has release 1 and some get release 2."""
    keys = updates.embedded_keys(tmp_path_factory.mktemp("keys"))
    repository.reconcile(store, keys, updates.desired(1, current=1))
    repository.reconcile(store, keys, updates.desired(1, 2, current=1, candidate=2))
    return keys


@pytest.fixture
def web(endpoint: str, keys: KeyRing) -> Iterator[httpx.Client]:
    """A stranger without any credentials."""
    with httpx.Client(base_url=f"{endpoint}/delivery/updates", timeout=60) as client:
        yield client


def everything(store: S3Store) -> list[str]:
    return sorted(meta["path"] for page in obstore.list(store) for meta in page)


def test_every_file_tells_caches_how_long_it_may_be_kept(web: httpx.Client, store: S3Store) -> None:
    paths = everything(store)
    answers = {path: web.get(path).raise_for_status().headers for path in paths}
    assert answers.pop("metadata/timestamp.json")["cache-control"] == "no-cache"
    assert {"metadata/1.root.json", "metadata/2.channels.json"} < answers.keys()
    assert {headers["cache-control"] for headers in answers.values()} == {FOR_EVER}


def test_every_file_says_what_it_is_and_can_be_asked_for_again_briefly(web: httpx.Client, store: S3Store) -> None:
    for path in everything(store):
        answer = web.get(path)
        wanted = "application/json" if path.endswith(".json") else "application/octet-stream"
        assert answer.headers["content-type"] == wanted
        assert web.get(path, headers={"If-None-Match": answer.headers["etag"]}).status_code == 304


def test_a_phone_updates_from_the_bucket_and_resumes(web: httpx.Client, keys: KeyRing, tmp_path: Path) -> None:
    source = UpdateSource(str(web.base_url).rstrip("/"), keys.trusted_root, tmp_path / "phone", web)
    offer = updater.look(source, "stable", "any phone")
    assert offer is not None
    half = tmp_path / "models" / f"{offer.model.hashes['sha256']}.partial"
    half.parent.mkdir()
    half.write_bytes(updates.files(1)[1][:1000])
    assert updater.download(source, offer.model, half.parent).read_bytes() == updates.files(1)[1]


def test_the_offered_bucket_rules_are_what_a_bucket_takes(endpoint: str, keys: KeyRing) -> None:
    client = boto3.client(
        "s3", endpoint_url=endpoint, region_name="us-east-1", aws_access_key_id="any", aws_secret_access_key="any"
    )
    cors = json.loads((DEPLOY / "updates-bucket-cors.json").read_text())
    client.put_bucket_cors(Bucket="delivery", CORSConfiguration=cors)
    assert client.get_bucket_cors(Bucket="delivery")["CORSRules"] == cors["CORSRules"]
    policy = (DEPLOY / "updates-bucket-policy.json").read_text().replace("BUCKET", "delivery")
    client.put_bucket_policy(Bucket="delivery", Policy=policy)
    timestamp = f"{endpoint}/delivery/updates/metadata/timestamp.json"
    answer = httpx.get(timestamp, headers={"Origin": "https://a.example"}, timeout=60)
    assert answer.status_code == 200
