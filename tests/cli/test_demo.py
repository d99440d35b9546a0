"""The demonstration: its pictures, whose they are, its table, and (slow) all of it."""

import re
from collections import Counter
from pathlib import Path

import pytest
from rich.console import Console
from typer.testing import CliRunner

from cli.demo import command, photos, pictures
from cli.demo.play import Story
from cli.demo.street import Measured, Sent
from cli.main import app
from mobile_models.label_set import TRASHNET


def test_the_same_seed_draws_the_same_pictures_and_another_one_others() -> None:
    first, again, other = (pictures.draw(30, seed) for seed in (1, 1, 2))
    assert [picture.image.tobytes() for picture in first] == [picture.image.tobytes() for picture in again]
    assert first[0].image.tobytes() != other[0].image.tobytes()
    assert {picture.label for picture in first} == set(TRASHNET.ids)


def test_photos_of_one_thing_stay_together_and_belong_to_one_resident(tmp_path: Path) -> None:
    pictures.write_folder(tmp_path, 240)
    dealt = photos.deal(tmp_path)
    sides = [{file.group for file in side} for side in (dealt.first, dealt.residents, dealt.final)]
    assert sum(len(side) for side in sides) == len(set.union(*sides)), "a thing is on two sides"
    assert len(dealt.residents) / 240 == pytest.approx(0.6, abs=0.1)
    owners = [{file.group for file in owned} for owned in dealt.by_resident(5)]
    assert sum(len(owned) for owned in owners) == len(set.union(*owners)), "a thing has two owners"


def test_the_table_shows_what_the_phones_measured() -> None:
    before = Measured(1, Counter(glass=4, metal=6), Counter(glass=1, metal=3))
    after = Measured(2, Counter(glass=4, metal=6), Counter(glass=3, metal=6))
    story = Story(
        seconds={"Freeze the dataset": 1.25},
        sent=Sent({"id": "glass"}, photo_bytes=1_500_000, corrected=7, corrected_wrongly=2),
        before=before,
        after=after,
        updated=3,
        downloaded_bytes=2_000_000,
        blessing={"reasons": ["all floors reached"]},
    )
    console = Console(record=True, width=120, file=open("/dev/null", "w"))  # noqa: SIM115, PTH123
    command.show(story, console)
    console.file.close()
    shown = console.export_text()
    assert re.search(r"glass .* 0\.250 .* 0\.750 .* \+0\.500", shown)
    assert re.search(r"accuracy .* 10 .* 0\.400 .* 0\.900 .* \+0\.500", shown)
    for expected in ("1.5 MB", "7 corrected", "2 of these wrongly", "3 phones updated", "all floors reached", "1.2"):
        assert expected in shown, expected


def test_photos_need_weights_and_a_kept_folder_must_be_new(tmp_path: Path) -> None:
    without = CliRunner().invoke(app, ["demo", "--photos", str(tmp_path)])
    assert without.exit_code == 2
    assert "--weights" in without.output
    taken = CliRunner().invoke(app, ["demo", "--keep", str(tmp_path)])
    assert taken.exit_code == 2
    assert "exists already" in taken.output


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_the_loop_makes_the_phones_better(tmp_path: Path) -> None:
    played = CliRunner().invoke(app, ["demo", "--keep", str(tmp_path / "demo"), "--phones", "12"])
    assert played.exit_code == 0, played.output
    accuracies = re.search(r"accuracy .*? (0\.\d+) .*? (0\.\d+) ", played.output)
    assert accuracies is not None, played.output
    assert float(accuracies[2]) > float(accuracies[1])
