"""Which gold photos enter a data set, and on which side of the split each stands.

Guarantees: pure rules, the same photos give the same selection. One device gives at most so many photos of one label,
so nobody can tilt a model alone. Near-duplicates stand on one side, and so do the photos of one resident. A photo's
side is given once: one of the holdout stays there for ever, and one that a model was trained on never gets there.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from mobile_models.document import Sha256
from training.dataset import SnapshotPhoto, Split, SplitItem, split_groups


@dataclass(frozen=True)
class GoldPhoto:
    """A photo with a gold label that may be trained on."""

    photo_id: str
    sha256: Sha256
    origin_sha256: Sha256
    label: str
    device_id: str | None
    group_id: str
    source: str
    split: Split | None = None


@dataclass(frozen=True)
class Selection:
    photos: tuple[SnapshotPhoto, ...]
    photo_ids: Mapping[Sha256, tuple[str, ...]] = field(default_factory=dict)
    """Digest of a file to the photos that have it: several where it was sent more than once."""


def select_photos(
    photos: Sequence[GoldPhoto],
    most_per_device: int,
    senders: Mapping[str, set[str | None]],
    seen: Mapping[Sha256, Split],
) -> Selection:
    """Cap, group and split `photos`.

    `senders`: group to the devices that sent its photos, None for imports. `seen`: side on which the bundled release
    had a photo, by the digest of its bytes as they first came.
    """
    files = _one_per_file(cap(photos, most_per_device))
    consistent = {digest: same for digest, same in files.items() if _is_consistent(same)}
    items = [SplitItem(digest, same[0].label, group_of(same[0], senders)) for digest, same in consistent.items()]
    given = {digest: _given(same, seen) for digest, same in consistent.items()}
    sides = split_groups(items, assigned={digest: side for digest, side in given.items() if side is not None})
    chosen = {Sha256(item.photo): item.group for item in items if item.photo in sides}
    return Selection(
        tuple(_snapshot_photo(files[digest][0], group, sides[digest]) for digest, group in sorted(chosen.items())),
        {digest: tuple(same.photo_id for same in files[digest]) for digest in chosen},
    )


def cap(photos: Iterable[GoldPhoto], most: int) -> list[GoldPhoto]:
    """Keep at most `most` photos of each device and label, first those that have a side; imports have no device."""
    kept: list[GoldPhoto] = []
    taken: Counter[tuple[str, str]] = Counter()
    for photo in sorted(photos, key=lambda photo: photo.split is None):
        if photo.device_id is not None:
            taken[photo.device_id, photo.label] += 1
            if taken[photo.device_id, photo.label] > most:
                continue
        kept.append(photo)
    return kept


def group_of(photo: GoldPhoto, senders: Mapping[str, set[str | None]]) -> str:
    """Return what must not be torn apart: all photos of a resident, or near-duplicates that several have sent.

    Near-duplicates of several senders are a group of their own and do not join what else these senders sent. Otherwise
    one photo that resembles one of the holdout would, group by group, draw everything of everybody there.
    """
    if photo.device_id is not None and senders.get(photo.group_id, set()) <= {photo.device_id}:
        return f"device:{photo.device_id}"
    return f"photos:{photo.group_id}"


def _one_per_file(photos: Iterable[GoldPhoto]) -> dict[Sha256, list[GoldPhoto]]:
    files: dict[Sha256, list[GoldPhoto]] = defaultdict(list)
    for photo in photos:
        files[photo.sha256].append(photo)
    return files


def _is_consistent(same: Sequence[GoldPhoto]) -> bool:
    """A file with two gold labels teaches nothing; one that stood on two sides measures nothing."""
    return len({photo.label for photo in same}) == 1 and len({photo.split for photo in same} - {None}) <= 1


def _given(same: Sequence[GoldPhoto], seen: Mapping[Sha256, Split]) -> Split | None:
    given = (photo.split for photo in same)
    known = (seen.get(photo.origin_sha256) for photo in same)
    return next((side for side in (*given, *known) if side is not None), None)


def _snapshot_photo(photo: GoldPhoto, group: str, side: Split) -> SnapshotPhoto:
    return SnapshotPhoto(
        sha256=photo.sha256,
        origin_sha256=photo.origin_sha256,
        label=photo.label,
        split=side,
        group=group,
        source=photo.source,
    )
