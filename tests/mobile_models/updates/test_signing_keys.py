import stat
from pathlib import Path

import pytest
from tuf.api.metadata import Metadata, Root, Targets

from mobile_models.updates.keys import signing_keys
from mobile_models.updates.keys.signing_keys import KeyProblem
from mobile_models.updates.update_roles import UpdateRole, can_sign


def test_private_keys_are_readable_by_their_owner_alone(tmp_path: Path) -> None:
    written = signing_keys.init(tmp_path / "keys", targets_keys=2, targets_threshold=2)
    modes = {key.path.name: stat.S_IMODE(key.path.stat().st_mode) for key in written}
    assert modes == dict.fromkeys(["root-1.pem", "targets-1.pem", "targets-2.pem", "channels.pem", "online.pem"], 0o600)
    folders = [tmp_path / "keys", *(path for path in (tmp_path / "keys").iterdir() if path.is_dir())]
    assert {stat.S_IMODE(folder.stat().st_mode) for folder in folders} == {0o700}


def test_the_keys_to_keep_offline_are_those_of_root_and_targets(tmp_path: Path) -> None:
    written = signing_keys.init(tmp_path / "keys")
    assert {key.path.name for key in written if key.keep_offline} == {"root-1.pem", "targets-1.pem"}
    assert all(key.path.parent.name == "online" for key in written if not key.keep_offline)


def test_public_parts_hold_no_private_key(tmp_path: Path) -> None:
    signing_keys.init(tmp_path / "keys")
    public = [*(tmp_path / "keys" / "public").iterdir(), *(tmp_path / "keys" / "online").glob("*.json")]
    assert len(public) == 6
    assert not any(b"PRIVATE" in file.read_bytes() for file in public)


def test_keys_are_never_overwritten(tmp_path: Path) -> None:
    signing_keys.init(tmp_path / "keys")
    before = {path: path.read_bytes() for path in (tmp_path / "keys").rglob("*") if path.is_file()}
    with pytest.raises(FileExistsError, match="never overwritten"):
        signing_keys.init(tmp_path / "keys")
    assert {path: path.read_bytes() for path in (tmp_path / "keys").rglob("*") if path.is_file()} == before
    assert list(tmp_path.iterdir()) == [tmp_path / "keys"], "nothing is left beside them"


def test_a_threshold_out_of_reach_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="threshold of 3 cannot be reached with 2 targets keys"):
        signing_keys.init(tmp_path / "keys", targets_keys=2, targets_threshold=3)
    assert not list(tmp_path.iterdir())


def test_each_role_has_its_own_key_and_the_thresholds_asked_for(tmp_path: Path) -> None:
    signing_keys.init(tmp_path / "keys", root_keys=3, root_threshold=2, targets_keys=2, targets_threshold=2)
    root = Metadata[Root].from_bytes(signing_keys.load(tmp_path / "keys").trusted_root).signed
    assert {name: (len(role.keyids), role.threshold) for name, role in root.roles.items()} == {
        "root": (3, 2),
        "targets": (2, 2),
        "snapshot": (1, 1),
        "timestamp": (1, 1),
    }
    assert not set(root.roles["root"].keyids) & set(root.roles["targets"].keyids)
    assert {(key.keytype, key.scheme) for key in root.keys.values()} == {("ecdsa", "ecdsa-sha2-nistp256")}


def test_the_first_metadata_is_signed_and_confines_the_channels_role(tmp_path: Path) -> None:
    signing_keys.init(tmp_path / "keys", targets_keys=2, targets_threshold=2)
    keys = signing_keys.load(tmp_path / "keys")
    root = Metadata[Root].from_bytes(keys.trusted_root)
    targets = Metadata[Targets].from_bytes(keys.first_targets)
    root.verify_delegate("root", root)
    root.verify_delegate("targets", targets)
    assert targets.signed.delegations is not None
    paths = ("channels/stable.json", "models/1/model.tflite")
    confined = [list(targets.signed.delegations.get_roles_for_target(path)) for path in paths]
    assert confined == [[("channels", True)], []]


def test_a_server_with_the_online_keys_alone_cannot_sign_root_or_targets(tmp_path: Path) -> None:
    signing_keys.init(tmp_path / "keys")
    whole, online = (signing_keys.load(tmp_path / "keys" / part) for part in ("", "online"))
    root = Metadata[Root].from_bytes(online.trusted_root).signed
    targets = Metadata[Targets].from_bytes(online.first_targets).signed
    top = (UpdateRole.ROOT, UpdateRole.TARGETS, UpdateRole.SNAPSHOT, UpdateRole.TIMESTAMP)
    assert [can_sign(online.signers, root, role) for role in top] == [False, False, True, True]
    assert [can_sign(whole.signers, root, role) for role in top] == [True] * 4
    assert can_sign(online.signers, targets, UpdateRole.CHANNELS)


def test_a_folder_without_keys_says_how_to_make_them(tmp_path: Path) -> None:
    with pytest.raises(KeyProblem, match="wastelens keys init"):
        signing_keys.load(tmp_path)


def test_a_file_that_is_no_key_is_named(tmp_path: Path) -> None:
    (tmp_path / "mine.pem").write_text("hello")
    with pytest.raises(KeyProblem, match=r"mine\.pem is no private key"):
        signing_keys.load_signer(tmp_path / "mine.pem")
    with pytest.raises(KeyProblem, match="cannot be read"):
        signing_keys.load_signer(tmp_path / "absent.pem")
