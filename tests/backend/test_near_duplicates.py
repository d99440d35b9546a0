"""Near-duplicates come into one group, others do not; on SQLite and PostgreSQL."""

import io
import uuid
from collections.abc import Callable, Iterator

import numpy as np
import pytest
from PIL import Image, ImageEnhance, ImageOps
from sqlalchemy import Engine
from sqlmodel import SQLModel, select

from backend.database import connect, transaction
from backend.intake import near_duplicates
from backend.intake.near_duplicates import LIKELY_BITS, NEAR_BITS, Look, perceptual_hash
from backend.tables import Photo, PhotoSource
from tests.pictures import COLOURS, draw

EMBEDDING = np.array([1, 2, 3, 4], dtype=np.float32)
OTHER_EMBEDDING = np.array([4, -3, 2, -1], dtype=np.float32)


def surely_hash(picture: Image.Image) -> int:
    found = perceptual_hash(picture)
    assert found is not None
    return found


def distance(one: Image.Image, other: Image.Image) -> int:
    return (surely_hash(one) ^ surely_hash(other)).bit_count()


def reencode(picture: Image.Image) -> Image.Image:
    written = io.BytesIO()
    picture.save(written, "JPEG", quality=40)
    return Image.open(written)


def crop(picture: Image.Image) -> Image.Image:
    return picture.crop((picture.width // 25, picture.height // 25, picture.width, picture.height))


CHANGES: dict[str, Callable[[Image.Image], Image.Image]] = {
    "encoded again": reencode,
    "half as large": lambda picture: picture.resize((picture.width // 2, picture.height // 2)),
    "brighter": lambda picture: ImageEnhance.Brightness(picture).enhance(1.15),
}


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("label", ["glass", "trash"])
def test_a_changed_copy_has_nearly_the_same_hash(label: str, change: str) -> None:
    picture = draw(label, seed=3, size=(384, 512))
    assert distance(picture, CHANGES[change](picture)) <= NEAR_BITS


def test_different_pictures_have_hashes_far_apart() -> None:
    pictures = [draw(label, seed) for label in COLOURS for seed in range(10)]
    distances = [distance(one, other) for i, one in enumerate(pictures) for other in pictures[:i]]
    assert min(distances) > NEAR_BITS
    assert np.median(distances) > 24


def test_a_picture_without_structure_has_no_hash() -> None:
    assert perceptual_hash(Image.new("RGB", (64, 64), (200, 200, 200))) is None


@pytest.fixture
def engine(database_url: str) -> Iterator[Engine]:
    engine = connect(database_url)
    SQLModel.metadata.create_all(engine)
    yield engine
    engine.dispose()


class Shelf:
    """Photos that are inspected one after the other."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine

    def add(self, look: Look, *, origin: str | None = None, group: str | None = None) -> str:
        photo_id = str(uuid.uuid4())
        photo = Photo(
            id=photo_id, source=PhotoSource.SUBMISSION, fingerprint=photo_id, sha256=photo_id,
            origin_sha256=origin or photo_id, width=1, height=1, size_bytes=1, group_id=group or photo_id,
        )  # fmt: skip
        with transaction(self.engine) as session:
            session.add(photo)
            session.flush()
            near_duplicates.join_group(session, photo, look)
        return photo_id

    def group(self, photo_id: str) -> str:
        with transaction(self.engine) as session:
            return session.get_one(Photo, photo_id).group_id


@pytest.fixture
def shelf(engine: Engine) -> Shelf:
    return Shelf(engine)


@pytest.mark.parametrize("change", CHANGES)
def test_a_changed_copy_joins_the_group(shelf: Shelf, change: str) -> None:
    picture = draw("metal", size=(384, 512))
    first = shelf.add(Look.of(picture))
    stranger = shelf.add(Look.of(draw("metal", seed=1, size=(384, 512))))
    copy = shelf.add(Look.of(CHANGES[change](picture)))
    assert shelf.group(copy) == shelf.group(first) != shelf.group(stranger)


def test_a_mirrored_copy_joins_the_group(shelf: Shelf) -> None:
    picture = draw("plastic", size=(384, 512))
    first, mirrored = shelf.add(Look.of(picture)), shelf.add(Look.of(ImageOps.mirror(picture)))
    assert shelf.group(first) == shelf.group(mirrored)


def likely(look: Look, first_bit: int = 0) -> int:
    """A hash that differs in more bits than near ones and in fewer than strangers."""
    assert look.hash is not None
    return look.hash ^ ((1 << (NEAR_BITS + LIKELY_BITS) // 2) - 1) << first_bit


def test_a_likely_copy_joins_only_if_the_model_finds_it_alike(shelf: Shelf) -> None:
    look = Look.of(draw("paper"), EMBEDDING, release=1)
    first = shelf.add(look)
    alike = shelf.add(Look(likely(look), 0, EMBEDDING * 2, release=1))
    other = shelf.add(Look(likely(look, first_bit=30), 0, OTHER_EMBEDDING, release=1))
    assert shelf.group(alike) == shelf.group(first)
    assert shelf.group(other) == other


def test_embeddings_of_different_releases_are_not_compared(shelf: Shelf) -> None:
    look = Look.of(draw("paper"), EMBEDDING, release=1)
    shelf.add(look)
    later = shelf.add(Look(likely(look), 0, EMBEDDING, release=2))
    assert shelf.group(later) == later


def test_equal_files_of_different_senders_share_a_group_even_without_structure(shelf: Shelf) -> None:
    flat = Look.of(Image.new("RGB", (64, 64), "white"))
    first, second = shelf.add(flat, origin="same bytes"), shelf.add(flat, origin="same bytes")
    other = shelf.add(flat)
    assert shelf.group(first) == shelf.group(second) != shelf.group(other)


def test_a_photo_between_two_groups_joins_them_and_moves_the_smaller(shelf: Shelf) -> None:
    middle = Look.of(draw("glass")).hash
    assert middle is not None
    left, right = middle, middle ^ 0b111111111111  # 12 bits apart: not near each other
    large = [shelf.add(Look(left, 0)) for _ in range(3)]
    small = [shelf.add(Look(right, 0)) for _ in range(2)]
    before = shelf.group(large[0])
    assert shelf.group(small[0]) != before
    between = shelf.add(Look(middle ^ 0b111111, 0))
    assert {shelf.group(photo) for photo in [*large, *small, between]} == {before}


def test_the_search_looks_at_a_bounded_number_of_photos(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(near_duplicates, "WINDOW", 2)
    look = Look.of(draw("glass"))
    assert look.hash is not None
    old = shelf.add(look)
    for seed in (1, 2):
        shelf.add(Look.of(draw("trash", seed)))
    assert shelf.group(shelf.add(Look(look.hash ^ 1, 0))) != shelf.group(old)
    assert shelf.group(shelf.add(look)) == shelf.group(old), "equal hashes are found whatever their age"


def test_every_photo_is_in_exactly_one_group(shelf: Shelf) -> None:
    picture = draw("trash")
    ids = [shelf.add(Look.of(change(picture))) for change in CHANGES.values()]
    with transaction(shelf.engine) as session:
        assert len(session.exec(select(Photo)).all()) == len(ids)
        assert len(set(session.exec(select(Photo.group_id)).all())) == 1
