"""Labelled folders become gold; on SQLite and PostgreSQL."""

from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import obstore
import pytest
from obstore.store import ObjectStore
from sqlalchemy import Engine
from sqlmodel import Session, select

from backend import database
from backend.errors import DomainError
from backend.intake import photo_store
from backend.intake.gold_import import Importer, Source
from backend.intake.photo_sandbox import PhotoSandbox
from backend.tables import Job, JobKind, Photo, PhotoId, PhotoSource, PhotoState, Review
from mobile_models.document import sha256
from mobile_models.photo import PhotoLimits
from tests import pictures
from tests.backend.staff_world import gold
from training.data import layouts
from training.data.labelled_files import Box
from training.dataset import DataError

TRASHNET = Source("trashnet", "MIT")


@pytest.fixture(scope="module")
def sandbox() -> Iterator[PhotoSandbox]:
    sandbox = PhotoSandbox(PhotoLimits(), 1600, processes=2)
    yield sandbox
    sandbox.close()


@pytest.fixture
def importer(engine: Engine, storage: ObjectStore, sandbox: PhotoSandbox) -> Importer:
    return Importer(partial(database.transaction, engine), storage, sandbox)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two labels with two photos each, of which the two of glass show one object."""
    for label in ("glass", "metal"):
        for seed in range(2):
            write(tmp_path / "photos", label, seed)
    (tmp_path / "photos" / "groups.csv").write_text("file,object_group\nglass/0.jpg,7\nglass/1.jpg,7\n")
    return tmp_path / "photos"


def write(folder: Path, label: str, seed: int, name: str | None = None, picture: str | None = None) -> Path:
    file = folder / label / f"{name or seed}.jpg"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(pictures.jpeg(picture or label, seed))
    return file


def rows(engine: Engine) -> list[Photo]:
    with database.transaction(engine) as session:
        return list(session.exec(select(Photo)).all())


def test_photos_become_gold_with_their_source_their_objects_and_a_job(
    importer: Importer, folder: Path, engine: Engine, storage: ObjectStore
) -> None:
    report = importer.import_folder(folder, TRASHNET)
    assert (report.added, report.known, report.problems) == ({"glass": 2, "metal": 2}, 0, ())
    photos = rows(engine)
    assert {(row.source, row.state, row.licence, row.allow_training) for row in photos} == {
        (PhotoSource.IMPORT, PhotoState.RECEIVED, "MIT", True)
    }
    assert len({row.group_id for row in photos if row.gold_label == "glass"}) == 1
    assert len({row.group_id for row in photos if row.gold_label == "metal"}) == 2
    with database.transaction(engine) as session:
        assert {job.subject for job in session.exec(select(Job)) if job.kind == JobKind.INSPECT} == {
            row.id for row in photos
        }
        assert len(session.exec(select(Review)).all()) == 4
    for row in photos:
        assert sha256(photo_store.read(storage, PhotoId(row.id))) == row.sha256


def test_importing_again_adds_nothing(importer: Importer, folder: Path, engine: Engine) -> None:
    importer.import_folder(folder, TRASHNET)
    write(folder, "metal", 9)
    report = importer.import_folder(folder, TRASHNET)
    assert (report.added, report.known) == ({"metal": 1}, 4)
    assert len(rows(engine)) == 5


def test_unreadable_files_are_listed_and_stop_nothing(importer: Importer, folder: Path) -> None:
    (folder / "glass" / "broken.jpg").write_bytes(b"not a photo")
    whole = pictures.jpeg("glass", 5)
    (folder / "glass" / "cut.jpg").write_bytes(whole[: len(whole) // 2])
    report = importer.import_folder(folder, TRASHNET)
    assert report.added == {"glass": 2, "metal": 2}
    assert sorted(problem.path.name for problem in report.problems) == ["broken.jpg", "cut.jpg"]
    assert all(problem.reason for problem in report.problems)


def test_equal_files_with_different_labels_are_listed_and_none_is_taken(
    importer: Importer, folder: Path, engine: Engine
) -> None:
    write(folder, "glass", 50)
    write(folder, "metal", 50, picture="glass")
    report = importer.import_folder(folder, TRASHNET)
    assert [problem.reason for problem in report.problems] == ["equal files are labelled glass and metal"] * 2
    assert len(rows(engine)) == 4


def test_equal_files_with_one_label_are_taken_once(importer: Importer, folder: Path) -> None:
    write(folder, "glass", 0, name="copy")
    report = importer.import_folder(folder, TRASHNET)
    assert (report.added["glass"], report.known) == (2, 1)


def test_a_photo_that_is_gold_here_under_another_label_is_listed(
    importer: Importer, folder: Path, engine: Engine
) -> None:
    with database.transaction(engine) as session:
        gold(session, "trash", origin_sha256=sha256((folder / "glass" / "0.jpg").read_bytes()))
    report = importer.import_folder(folder, TRASHNET)
    assert [problem.reason for problem in report.problems] == ["the same photo has the gold label trash here"]
    assert report.added == {"glass": 1, "metal": 2}


def test_a_folder_that_is_no_label_is_refused_unless_it_is_meant(importer: Importer, folder: Path) -> None:
    write(folder, "battery", 0, picture="trash")
    with pytest.raises(DomainError) as refused:
        importer.import_folder(folder, TRASHNET)
    assert refused.value.code == "unknown_label"
    assert importer.import_folder(folder, TRASHNET, new_labels=True).added["battery"] == 1
    write(folder, "unsure", 0, picture="trash")
    with pytest.raises(DomainError) as refused:
        importer.import_folder(folder, TRASHNET, new_labels=True)
    assert refused.value.code == "bad_label"


def test_what_a_layout_leaves_out_and_files_that_are_not_there_are_listed(importer: Importer, tmp_path: Path) -> None:
    for number, text in enumerate(("img_0.jpg, 0", "img_1.jpg, 1", "?")):
        (tmp_path / f"img_{number}.jpg").write_bytes(pictures.jpeg("glass", number))
        (tmp_path / f"img_{number}.txt").write_text(text)
    reading = layouts.read(tmp_path, names=("Glass", "Metal"))
    (tmp_path / "img_1.jpg").unlink()
    report = importer.import_reading(reading, TRASHNET)
    assert report.added == {"glass": 1}
    assert {problem.path.name: problem.reason.partition(":")[0] for problem in report.problems} == {
        "img_1.jpg": "cannot be read",
        "img_2.jpg": 'has no img_2.txt beside it that says "img_2.jpg, <class number>"',
    }


def test_parts_of_photos_are_not_gold(importer: Importer, folder: Path) -> None:
    reading = layouts.read(folder)
    part = replace(reading.files[0], box=Box(0, 0, 40, 40, 96, 128))
    with pytest.raises(DataError, match="only for training"):
        importer.import_reading(replace(reading, files=(part,)), TRASHNET)


def test_an_empty_folder_is_refused(importer: Importer, tmp_path: Path) -> None:
    with pytest.raises(DataError):
        importer.import_folder(tmp_path, TRASHNET)


def test_an_import_that_was_cut_off_goes_on_where_it_was(
    engine: Engine, storage: ObjectStore, sandbox: PhotoSandbox, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("backend.intake.gold_import.BATCH", 1)

    def stop(done: int, total: int) -> None:
        if done == 2:
            raise KeyboardInterrupt

    transaction = partial(database.transaction, engine)
    with pytest.raises(KeyboardInterrupt):
        Importer(transaction, storage, sandbox, stop).import_folder(folder, TRASHNET)
    assert len(rows(engine)) == 2
    report = Importer(transaction, storage, sandbox).import_folder(folder, TRASHNET)
    assert (sum(report.added.values()), report.known) == (2, 2)


def test_nothing_of_a_photos_metadata_is_stored(
    importer: Importer, tmp_path: Path, engine: Engine, storage: ObjectStore, session: Session
) -> None:
    session.close()
    file = tmp_path / "photos" / "glass" / "0.jpg"
    file.parent.mkdir(parents=True)
    file.write_bytes(pictures.jpeg("glass", comment=b"from the street of Ada"))
    importer.import_folder(tmp_path / "photos", TRASHNET)
    stored = bytes(obstore.get(storage, photo_store.key(PhotoId(rows(engine)[0].id))).bytes())
    assert b"Ada" in file.read_bytes()
    assert b"Ada" not in stored
