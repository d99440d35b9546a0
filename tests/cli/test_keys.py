from pathlib import Path

import pytest
from typer.testing import CliRunner

from cli.keys import app


def test_it_says_which_keys_to_keep_offline(tmp_path: Path) -> None:
    keys = tmp_path / "keys"
    result = CliRunner().invoke(app, ["init", str(keys), "--targets-keys", "2", "--targets-threshold", "2"])
    assert result.exit_code == 0, result.output
    offline, _, online = result.output.partition("The publisher needs these")
    assert [f"{keys / name}.pem" in offline for name in ("root-1", "targets-1", "targets-2", "online/online")] == [
        True,
        True,
        True,
        False,
    ]
    assert f"{keys}/online/channels.pem" in online and f"{keys}/online/online.pem" in online
    assert "once 2 people have signed it" in online


def test_it_refuses_to_overwrite_and_exits_with_1(tmp_path: Path) -> None:
    (tmp_path / "precious").write_text("keep me")
    result = CliRunner().invoke(app, ["init", str(tmp_path)])
    assert result.exit_code == 1
    assert "never overwritten" in result.output
    assert [path.name for path in tmp_path.iterdir()] == ["precious"]


def test_a_threshold_out_of_reach_is_explained(tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["init", str(tmp_path / "keys"), "--targets-threshold", "2"])
    assert result.exit_code == 1
    assert "threshold of 2 cannot be reached with 1 targets keys" in result.output


def test_two_people_renew_the_list_of_models_one_after_the_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys, invoke = tmp_path / "keys", CliRunner().invoke
    invoke(app, ["init", str(keys), "--targets-keys", "2", "--targets-threshold", "2"])
    monkeypatch.chdir(tmp_path)
    root = ["--root", str(keys / "online" / "root.json")]
    first = invoke(app, ["renew", str(keys / "online" / "targets.json"), *root, "--key", str(keys / "targets-1.pem")])
    assert first.exit_code == 0 and "Wrote 2.targets.json. It needs 1 more" in first.output
    second = invoke(app, ["sign", "2.targets.json", *root, "--yes", "--key", str(keys / "targets-2.pem")])
    assert second.exit_code == 0 and "wastelens keys publish 2.targets.json" in second.output
    again = invoke(app, ["renew", str(keys / "online" / "targets.json"), *root, "--key", str(keys / "targets-1.pem")])
    assert again.exit_code == 1 and "2.targets.json is here already" in again.output
    wrong = invoke(app, ["renew", "2.targets.json", *root, "--key", str(keys / "root-1.pem")])
    assert wrong.exit_code == 1 and "may not sign targets" in wrong.output
