"""Which photos show nearly the same picture.

Guarantees: photos that only a re-encode, a resize, a mirror, a small crop or turn, or a change of light separates come
into one group, whoever sent them; a group is only ever joined with another, and each photo is always in exactly one.
Data sets are split by group, so such photos never stand on both sides of a split.

Limits: equal files and equal hashes are found whatever their age, other likenesses among the newest `WINDOW` photos.
Crops of a tenth and more are mostly not found. Embeddings of different releases are never compared.
"""

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps
from sqlalchemy import func, or_, text, update
from sqlmodel import Session, col, select

from backend.tables import Photo

NEAR_BITS = 8
"""Of 64. On TrashNet it finds every re-encode, resize and change of light, and 39 % of 5 % crops; 0.003 % of all
other pairs are that near, and the largest chain of them has four photos (at 10 bits: 29)."""
LIKELY_BITS = 16
"""Finds 97 % of 5 % crops and 99 % of turns by 3 degrees, but also 0.14 % of other pairs: the embedding decides."""
ALIKE_COSINE = 0.9
"""Between photos that are only likely by their bits. With MobileNetV2's ImageNet features on TrashNet 99 % of 5 % crops
and 77 % of turns reach it; the most alike of 130 pairs of different objects had 0.74. See
`benchmarks/near_duplicates.py`."""
WINDOW = 20_000
"""Bounds the search (60 ms), and with it the chance likenesses of a photo: about 0.2, too few to form long chains."""

_SIDE, _KEPT = 32, 8
_STRUCTURE = 8.0  # Rounding to 8 bits makes coefficients of about 1; the plainest photo of TrashNet has 162.
_LOCK_KEY = 0x6E656172  # "near"


def _dct_matrix(size: int) -> NDArray[np.float64]:
    """Return the orthonormal DCT-II, float64 [size, size] (Ahmed, Natarajan and Rao 1974)."""
    frequency, sample = np.mgrid[:size, :size]
    matrix = np.cos(np.pi * (2 * sample + 1) * frequency / (2 * size)) * np.sqrt(2 / size)
    matrix[0] /= np.sqrt(2)
    return np.asarray(matrix, dtype=np.float64)


_DCT = _dct_matrix(_SIDE)


def perceptual_hash(image: Image.Image) -> int | None:
    """Return the 64-bit pHash (Zauner 2010): low DCT frequencies of the grey picture, each above their median or not.

    None for a picture without structure, where these bits would be rounding noise.
    """
    grey = np.asarray(image.convert("L").resize((_SIDE, _SIDE), Image.Resampling.LANCZOS), dtype=np.float64)
    low = (_DCT @ grey @ _DCT.T)[:_KEPT, :_KEPT].ravel()
    if np.abs(low[1:]).max() < _STRUCTURE:
        return None
    return int.from_bytes(np.packbits(low > np.median(low)).tobytes(), "big")


@dataclass(frozen=True)
class Look:
    """What near-duplicates have in common."""

    hash: int | None
    mirrored_hash: int | None
    embedding: NDArray[np.float32] | None = None
    """[embedding_length], of `release`"""
    release: int | None = None

    @classmethod
    def of(cls, image: Image.Image, embedding: NDArray[np.float32] | None = None, release: int | None = None) -> Self:
        return cls(perceptual_hash(image), perceptual_hash(ImageOps.mirror(image)), embedding, release)


def join_group(session: Session, photo: Photo, look: Look) -> None:
    """Write the look of `photo` on its row and join its group with those of all its near-duplicates."""
    one_at_a_time(session)
    photo.perceptual_hash = None if look.hash is None else f"{look.hash:016x}"
    photo.embedding = None if look.embedding is None else pack(look.embedding)
    photo.embedding_release = look.release
    session.add(photo)
    session.flush()
    groups = {photo.group_id} | _groups_of_equals(session, photo) | _groups_of_similars(session, photo, look)
    if len(groups) > 1:
        _merge(session, groups)
        session.refresh(photo, ["group_id"])


def pack(embedding: NDArray[np.float32]) -> bytes:
    """Return the direction of an embedding as little-endian float16."""
    length = float(np.linalg.norm(embedding)) or 1.0
    return (embedding / length).astype("<f2").tobytes()


def cosine(one: bytes, other: bytes) -> float:
    """Cosine of two packed embeddings of one release."""
    left, right = (np.frombuffer(packed, dtype="<f2").astype(np.float32) for packed in (one, other))
    return float(left @ right)


def one_at_a_time(session: Session) -> None:
    """Until the end of the transaction nobody else groups: near-duplicates that come at once must see each other.

    Call it before locking a photo, or two who merge each other's groups wait for each other. SQLite has one writer.
    """
    if session.connection().dialect.name == "postgresql":
        session.connection().execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK_KEY})


def _groups_of_equals(session: Session, photo: Photo) -> set[str]:
    equal = [col(Photo.sha256) == photo.sha256, col(Photo.origin_sha256) == photo.origin_sha256]
    if photo.perceptual_hash is not None:
        equal.append(col(Photo.perceptual_hash) == photo.perceptual_hash)
    return set(session.exec(select(Photo.group_id).where(or_(*equal)).distinct()).all())


def _groups_of_similars(session: Session, photo: Photo, look: Look) -> set[str]:
    if look.hash is None or look.mirrored_hash is None:
        return set()
    ids, hashes = _window(session, photo.id)
    wanted = np.array([[look.hash], [look.mirrored_hash]], dtype=np.uint64)
    distances = np.bitwise_count(hashes[np.newaxis] ^ wanted).min(axis=0, initial=64)
    near = [ids[index] for index in np.flatnonzero(distances <= NEAR_BITS)]
    likely = [ids[index] for index in np.flatnonzero((distances > NEAR_BITS) & (distances <= LIKELY_BITS))]
    return _groups(session, near) | _groups_of_alike(session, photo, likely)


def _window(session: Session, but: str) -> tuple[list[str], NDArray[np.uint64]]:
    """Return the ids and hashes (uint64 [n]) of the newest photos that have one."""
    statement = (
        select(Photo.id, Photo.perceptual_hash)
        .where(col(Photo.perceptual_hash).is_not(None), Photo.id != but)
        .order_by(col(Photo.received_at).desc())
        .limit(WINDOW)
    )
    rows = session.exec(statement).all()
    return [row[0] for row in rows], np.array([int(row[1] or "0", 16) for row in rows], dtype=np.uint64)


def _groups(session: Session, ids: list[str]) -> set[str]:
    return set(session.exec(select(Photo.group_id).where(col(Photo.id).in_(ids))).all()) if ids else set()


def _groups_of_alike(session: Session, photo: Photo, ids: list[str]) -> set[str]:
    if photo.embedding is None or not ids:
        return set()
    statement = select(Photo.group_id, Photo.embedding).where(
        col(Photo.id).in_(ids),
        col(Photo.embedding).is_not(None),
        Photo.embedding_release == photo.embedding_release,
    )
    own = photo.embedding
    return {group for group, packed in session.exec(statement) if packed and cosine(own, packed) >= ALIKE_COSINE}


def _merge(session: Session, groups: set[str]) -> None:
    """Move the members of the smaller groups; of equally large ones the smallest id stays."""
    count = func.count().label("photos")
    statement = select(Photo.group_id, count).where(col(Photo.group_id).in_(groups)).group_by(col(Photo.group_id))
    sizes = dict(session.exec(statement).all())
    kept = min(groups, key=lambda group: (-sizes.get(group, 0), group))
    statement_update = update(Photo).where(col(Photo.group_id).in_(groups - {kept})).values(group_id=kept)
    session.connection().execute(statement_update)
