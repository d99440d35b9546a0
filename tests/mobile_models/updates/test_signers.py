"""Keys in files, in hardware and behind a service."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from obstore.store import MemoryStore
from securesystemslib.signer import CryptoSigner, SecretsHandler

from mobile_models.updates.keys import offline_metadata, signers, signing_keys
from mobile_models.updates.keys.signing_keys import KeyProblem
from mobile_models.updates.publishing import repository
from mobile_models.updates.update_roles import UpdateRole
from tests import hardware_key
from tests.hardware_key import PIN, SCHEME
from tests.updates import desired


@pytest.fixture(autouse=True)
def hardware() -> Iterator[None]:
    with hardware_key.plugged_in():
        yield


@pytest.fixture
def keys(tmp_path: Path) -> Path:
    """A folder of keys whose online key lies in hardware."""
    signing_keys.init(tmp_path / "keys")
    online = tmp_path / "keys" / "online"
    (online / "online.pem").rename(tmp_path / "token")
    (online / "online.uri").write_text(f"{SCHEME}:{tmp_path / 'token'}\n")
    (online / "online.pin").write_text(f"{PIN}\n")
    return tmp_path / "keys"


def _pin(_: str) -> str:
    return PIN


def test_the_publisher_signs_with_a_key_that_a_uri_names(keys: Path) -> None:
    """Its public half is found among the keys that the first root names."""
    ring, store = signing_keys.load(keys), MemoryStore()
    assert not list((keys / "online").glob("online.pem"))
    repository.reconcile(store, ring, desired(1, current=1))
    assert repository.verify(store, ring.trusted_root).versions == {1}


def test_a_key_that_joined_later_is_known_by_its_public_half_beside_the_uri(keys: Path, tmp_path: Path) -> None:
    public = signing_keys.generate(tmp_path / "new.pem")
    (keys / "online" / "new.uri").write_text(f"{SCHEME}:{tmp_path / 'new.pem'}")
    (keys / "online" / "new.pin").write_text(PIN)
    with pytest.raises(KeyProblem, match="none of those that the metadata names"):
        signing_keys.load(keys)
    (tmp_path / "new.pub").rename(keys / "online" / "new.pub")
    assert public.keyid in {signer.public_key.keyid for signer in signing_keys.load(keys).signers}


def test_a_key_without_its_pin_says_where_to_write_it(keys: Path) -> None:
    (keys / "online" / "online.pin").unlink()
    with pytest.raises(KeyProblem, match=r"asks for its pin; write it to .*online\.pin"):
        signing_keys.load(keys)


def test_a_key_that_does_not_sign_is_named(keys: Path) -> None:
    (keys / "online" / "online.pin").write_text("9999")
    with pytest.raises(KeyProblem, match="does not sign: PinIncorrect"):
        signing_keys.load(keys)


def test_a_person_is_asked_for_the_pin_once_and_a_wrong_one_is_tried_once(keys: Path) -> None:
    uri = (keys / "online" / "online.uri").read_text().strip()
    others = [CryptoSigner.generate_ecdsa().public_key for _ in range(2)]
    own = signing_keys.load_signer(Path(uri.partition(":")[2])).public_key
    asked: list[str] = []

    def person(pin: str) -> SecretsHandler:
        return lambda name: (asked.append(name), pin)[1]

    signer = signers.load(uri, [*others, own], person(PIN))
    signer.sign(b"a release")
    assert (signer.public_key, asked) == (own, ["pin"])
    with pytest.raises(KeyProblem, match="PinIncorrect"):
        signers.load(uri, [*others, own], person("9999"))
    assert asked == ["pin"] * 2


def test_a_service_that_is_away_is_named(keys: Path, tmp_path: Path) -> None:
    (tmp_path / "token").unlink()
    with pytest.raises(KeyProblem, match=rf"{SCHEME}:.* cannot be opened"):
        signing_keys.load(keys)


def test_a_key_service_whose_library_is_missing_says_which(tmp_path: Path) -> None:
    key = CryptoSigner.generate_ecdsa().public_key
    with pytest.raises(KeyProblem, match="awskms:alias/city"):
        signers.load("awskms:alias/city", [key])


def test_a_file_may_be_named_by_uri_too(tmp_path: Path) -> None:
    public = signing_keys.generate(tmp_path / "key.pem")
    other = CryptoSigner.generate_ecdsa().public_key
    assert signers.load(f"file2:{tmp_path / 'key.pem'}", [other, public]).public_key == public
    with pytest.raises(KeyProblem, match="none of those that the metadata names"):
        signers.load(f"file2:{tmp_path / 'key.pem'}", [other])


def test_what_is_neither_file_nor_uri_is_refused_with_what_there_is() -> None:
    with pytest.raises(KeyProblem, match=r"neither a file nor the URI of a key; known are awskms, .*hsm"):
        signers.load("safe:first drawer", [])


def test_a_key_of_another_curve_is_refused(tmp_path: Path) -> None:
    signer = CryptoSigner(Ed25519PrivateKey.generate())
    (tmp_path / "key.pem").write_bytes(signer.private_bytes)
    with pytest.raises(KeyProblem, match="is a key of ed25519; use ECDSA P-256"):
        signers.load(str(tmp_path / "key.pem"), [])
    (tmp_path / "no.pub").write_text("hello")
    with pytest.raises(KeyProblem, match=r"no\.pub is no public key"):
        signers.load_public(tmp_path / "no.pub")


# The first root, where people bring keys.


def test_a_repository_begins_once_those_who_brought_keys_have_signed(tmp_path: Path) -> None:
    brought = {
        role: [signing_keys.generate(tmp_path / f"{role}.pem")] for role in (UpdateRole.ROOT, UpdateRole.TARGETS)
    }
    keys = tmp_path / "keys"
    signing_keys.init(keys, root_keys=0, targets_keys=0, brought=brought)
    files = [keys / "online" / "root.json", keys / "online" / "targets.json"]
    for file, role in zip(files, brought, strict=True):
        with pytest.raises(KeyProblem, match=rf"{file.name} needs 1 more: `wastelens keys sign"):
            signing_keys.load(keys)
        roots = [files[0].read_bytes()]
        known = offline_metadata.may_sign(file.read_bytes(), roots)
        signer = signers.load(f"{SCHEME}:{tmp_path / role}.pem", known, _pin)
        file.write_bytes(offline_metadata.sign(file.read_bytes(), roots, [signer]))
    ring, store = signing_keys.load(keys), MemoryStore()
    repository.create(store, ring)
    assert repository.verify(store, ring.trusted_root).versions == set()


def test_made_and_brought_keys_count_together(tmp_path: Path) -> None:
    brought = {UpdateRole.TARGETS: [signing_keys.generate(tmp_path / "anna.pem")]}
    with pytest.raises(ValueError, match="threshold of 3 cannot be reached with 2 targets keys"):
        signing_keys.init(tmp_path / "keys", targets_threshold=3, brought=brought)
    signing_keys.init(tmp_path / "keys", targets_threshold=2, brought=brought)
    assert list(signing_keys.first_unsigned(tmp_path / "keys").values()) == [1]
