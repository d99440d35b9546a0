"""What is frozen, and on which side it stands."""

from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlmodel import Session, select

from backend.database import now
from backend.datasets import snapshots
from backend.datasets.dataset_selection import GoldPhoto, cap, group_of, select_photos
from backend.datasets.snapshots import Collected
from backend.errors import Conflict, Unavailable
from backend.settings import Settings
from backend.tables import DatasetSnapshotPhoto, DatasetSnapshotRow, DatasetSnapshotState, Job, JobKind, PhotoState
from mobile_models.document import Sha256, sha256
from mobile_models.label_set import TRASHNET
from tests import tiny_model
from tests.backend.staff_world import device, gold, photo
from training.dataset import SeenPhotos, Split


def shot(number: int, label: str = "glass", **changes: object) -> GoldPhoto:
    digest = sha256(f"{number}".encode())
    values = {"device_id": None, "group_id": f"group {number}", "source": "submission"} | changes
    return GoldPhoto(f"photo {number}", digest, sha256(digest.encode()), label, **values)  # type: ignore[arg-type]


def test_one_device_gives_at_most_so_many_of_a_label_those_first_that_have_a_side() -> None:
    flood = [shot(number, device_id="d") for number in range(400)]
    kept = cap([*flood, shot(500, device_id="d", split=Split.TRAIN), shot(501, "metal", device_id="d")], 40)
    assert Counter(each.label for each in kept) == {"glass": 40, "metal": 1}
    assert shot(500, device_id="d", split=Split.TRAIN) in kept


def test_imports_are_not_capped() -> None:
    assert len(cap([shot(number) for number in range(400)], 40)) == 400


def test_all_photos_of_a_resident_are_a_group_but_those_that_others_sent_too_are_another() -> None:
    own, shared = shot(1, device_id="d"), shot(2, device_id="d")
    senders: dict[str, set[str | None]] = {"group 1": {"d"}, "group 2": {"d", "e"}}
    assert group_of(own, senders) == "device:d"
    assert group_of(shared, senders) == "photos:group 2"
    assert group_of(shot(3, device_id="d"), {"group 3": {"d", None}}) == "photos:group 3"


def test_one_near_duplicate_of_the_holdout_does_not_drag_all_of_a_resident_there() -> None:
    everything = [
        *(shot(number, device_id="d", split=Split.TRAIN) for number in range(20)),
        shot(50, split=Split.HOLDOUT, group_id="twins"),
        shot(51, device_id="d", group_id="twins"),
    ]
    senders: dict[str, set[str | None]] = {"twins": {None, "d"}} | {f"group {n}": {"d"} for n in range(20)}
    sides = Counter(each.split for each in select_photos(everything, 40, senders, {}).photos)
    assert sides == {Split.TRAIN: 20, Split.HOLDOUT: 2}


def test_photos_that_the_bundled_model_has_seen_keep_their_side() -> None:
    photos = [shot(number) for number in range(30)]
    seen = {each.origin_sha256: split for each, split in zip(photos, list(Split) * 10, strict=True)}
    chosen = select_photos(photos, 40, {}, seen).photos
    assert {each.origin_sha256: each.split for each in chosen} == seen


def test_equal_files_with_two_labels_are_both_left_out() -> None:
    twin = shot(1, "metal")
    assert select_photos([shot(1), twin, shot(2)], 40, {}, {}).photo_ids.keys() == {shot(2).sha256}


def test_a_file_that_stood_on_two_sides_is_left_out() -> None:
    both = [shot(1, split=Split.TRAIN), shot(1, split=Split.HOLDOUT)]
    assert select_photos([*both, shot(2)], 40, {}, {}).photo_ids.keys() == {shot(2).sha256}


@pytest.fixture
def settings(settings: Settings, tmp_path: Path) -> Iterator[Settings]:
    """A city whose bundled release has seen nothing that is here."""
    folder = tiny_model.release_folder(tmp_path / "bundled")
    yield settings.model_copy(update={"bundled_release": folder})


def freeze(session: Session, settings: Settings) -> tuple[DatasetSnapshotRow, Collected]:
    row = snapshots.request(session, "ada")
    collected = snapshots.collect(session, settings)
    assert row.id is not None
    snapshots.settle_frozen(session, row.id, collected)
    return row, collected


def test_asking_for_a_snapshot_asks_a_worker(session: Session) -> None:
    row = snapshots.request(session, "ada")
    job = session.exec(select(Job)).one()
    assert (job.kind, job.subject) == (JobKind.FREEZE, str(row.id))


@pytest.mark.parametrize(
    "columns",
    [
        {"state": PhotoState.WITHDRAWN},
        {"state": PhotoState.QUARANTINED},
        {"state": PhotoState.RECEIVED},
        {"allow_training": False},
        {"gold_label": None},
    ],
)
def test_what_may_not_be_trained_on_is_left_out(
    session: Session, settings: Settings, columns: dict[str, object]
) -> None:
    kept = gold(session, "glass")
    photo(session, **({"gold_label": "glass"} | columns))
    assert snapshots.collect(session, settings).photo_ids == {kept.sha256: (kept.id,)}


def test_without_gold_labels_there_is_nothing_to_freeze(session: Session, settings: Settings) -> None:
    photo(session)
    with pytest.raises(Conflict) as refused:
        snapshots.collect(session, settings)
    assert refused.value.code == "no_gold_labels"


def test_freezing_writes_sides_counts_and_which_photos_are_in_it(session: Session, settings: Settings) -> None:
    rows = [gold(session, label) for label in TRASHNET.ids for _ in range(10)]
    frozen, collected = freeze(session, settings)
    assert frozen.state == DatasetSnapshotState.FROZEN
    assert frozen.digest == collected.document.digest
    assert frozen.counts is not None
    assert sum(sum(labels.values()) for labels in frozen.counts.values()) == len(rows)
    assert all(frozen.counts[split][label] > 0 for split in frozen.counts for label in TRASHNET.ids)
    members = session.exec(select(DatasetSnapshotPhoto)).all()
    assert {(member.photo_id, member.split) for member in members} == {(row.id, row.split) for row in rows}


def test_the_same_photos_give_the_same_digest_and_new_ones_a_child(session: Session, settings: Settings) -> None:
    for label in TRASHNET.ids:
        gold(session, label)
    first, again = freeze(session, settings)[0], freeze(session, settings)[0]
    assert first.digest == again.digest
    gold(session, "glass")
    child = freeze(session, settings)[0]
    assert child.parent_digest == first.digest
    assert child.digest != first.digest
    assert freeze(session, settings)[0].digest == child.digest


def test_a_photo_keeps_its_side_for_ever(session: Session, settings: Settings) -> None:
    rows = [gold(session, label) for label in TRASHNET.ids for _ in range(10)]
    freeze(session, settings)
    before = {row.id: row.split for row in rows}
    for row in rows[::3]:
        row.gold_label = "trash"
    for _ in range(50):
        gold(session, "paper")
    _, collected = freeze(session, settings)
    sides = {
        photo_id: each.split for each in collected.document.photos for photo_id in collected.photo_ids[each.sha256]
    }
    assert {photo_id: sides[photo_id] for photo_id in before} == before


def test_a_withdrawn_photo_is_left_out_of_the_next_snapshot(session: Session, settings: Settings) -> None:
    rows = [gold(session, "glass") for _ in range(3)]
    freeze(session, settings)
    rows[0].state = PhotoState.WITHDRAWN
    assert rows[0].sha256 not in freeze(session, settings)[1].photo_ids


@pytest.mark.parametrize(
    "changes",
    [{"state": PhotoState.WITHDRAWN}, {"gold_label": "paper"}, {"sha256": "c" * 64}],
    ids=["withdrawn", "relabelled", "covered and inspected anew"],
)
def test_a_photo_that_changes_while_it_is_frozen_makes_the_worker_collect_again(
    session: Session, settings: Settings, changes: dict[str, object]
) -> None:
    rows = [gold(session, "glass") for _ in range(3)]
    asked = snapshots.request(session, "ada")
    assert asked.id is not None
    collected = snapshots.collect(session, settings)
    rows[0].sqlmodel_update(changes)
    session.flush()
    with pytest.raises(Unavailable):
        snapshots.settle_frozen(session, asked.id, collected)
    snapshots.settle_frozen(session, asked.id, snapshots.collect(session, settings))
    assert asked.state == DatasetSnapshotState.FROZEN


def test_of_two_that_are_frozen_at_once_none_puts_a_photo_on_the_other_side(
    session: Session, settings: Settings
) -> None:
    row = gold(session, "glass")
    asked = snapshots.request(session, "ada")
    assert asked.id is not None
    collected = snapshots.collect(session, settings)
    (frozen,) = collected.document.photos
    row.split = Split.TRAIN if frozen.split == Split.HOLDOUT else Split.HOLDOUT  # By the other one, meanwhile.
    session.flush()
    with pytest.raises(Unavailable):
        snapshots.settle_frozen(session, asked.id, collected)
    snapshots.settle_frozen(session, asked.id, snapshots.collect(session, settings))
    assert [each.split for each in session.exec(select(DatasetSnapshotPhoto))] == [row.split]


def test_settling_twice_changes_nothing(session: Session, settings: Settings) -> None:
    gold(session, "glass")
    row, collected = freeze(session, settings)
    assert row.id is not None
    frozen_at = row.frozen_at
    snapshots.settle_frozen(session, row.id, collected)
    snapshots.settle_failed(session, row.id, "too late")
    assert (row.state, row.frozen_at) == (DatasetSnapshotState.FROZEN, frozen_at)


def test_the_same_file_of_two_residents_is_one_photo_and_both_are_told(session: Session, settings: Settings) -> None:
    first = gold(session, "glass", device_id=device(session), received_at=now() - timedelta(hours=1))
    second = gold(session, "glass", device_id=device(session), sha256=first.sha256, group_id=first.group_id)
    row, collected = freeze(session, settings)
    assert len(collected.document.photos) == 1
    assert {each.photo_id for each in session.exec(select(DatasetSnapshotPhoto))} == {first.id, second.id}
    assert row.counts is not None


def test_the_bundled_release_tells_what_it_has_seen(session: Session, settings: Settings, tmp_path: Path) -> None:
    row = gold(session, "glass")
    folder = tiny_model.release_folder(tmp_path / "other")
    SeenPhotos(train=(), validation=(), holdout=(Sha256(row.origin_sha256),)).write(folder / "dataset.json")
    knowing = settings.model_copy(update={"bundled_release": folder})
    assert [each.split for each in snapshots.collect(session, knowing).document.photos] == [Split.HOLDOUT]


def test_a_new_label_is_appended_to_the_label_set(session: Session, settings: Settings) -> None:
    gold(session, "glass")
    gold(session, "battery")
    labels = snapshots.collect(session, settings).document.label_set
    assert labels.ids == (*TRASHNET.ids, "battery")
    assert labels.extends(TRASHNET)
