from pathlib import Path

from tensorboardX.proto.event_pb2 import Event
from tensorboardX.record_writer import masked_crc32c

from training.fitting import curves
from training.fitting.checkpoints import Epoch

EPOCHS = [
    Epoch(
        stage=number // 2,
        name=("head", "tail")[number // 2],
        learning_rate=0.1 / (number + 1),
        loss=1.5 - number / 4,
        accuracy=number / 4,
        val_loss=2 - number / 4,
        val_accuracy=number / 8,
        seconds=1,
    )
    for number in range(4)
]


def points(folder: Path) -> list[tuple[str, int, float]]:
    """Read event files: records of length, its checksum, content, its checksum (TensorFlow's TFRecord format)."""
    found = []
    for file in sorted(folder.glob("events.*")):
        content = file.read_bytes()
        while content:
            length = int.from_bytes(content[:8], "little")
            record, check = content[12 : 12 + length], content[12 + length : 16 + length]
            assert masked_crc32c(record) == int.from_bytes(check, "little")
            event = Event.FromString(record)
            found += [(each.tag, event.step, each.simple_value) for each in event.summary.value]
            content = content[16 + length :]
    return found


def test_each_epoch_is_a_point_of_each_curve(tmp_path: Path) -> None:
    with curves.writer(tmp_path, EPOCHS[:3]) as writer:
        writer.add(EPOCHS[3])
    train, validation = points(tmp_path / "train"), points(tmp_path / "validation")
    assert [(step, value) for tag, step, value in train if tag == "loss"] == [(1, 1.5), (2, 1.25), (3, 1), (4, 0.75)]
    assert [(step, value) for tag, step, value in validation if tag == "accuracy"] == [
        (1, 0),
        (2, 0.125),
        (3, 0.25),
        (4, 0.375),
    ]
    assert [step for tag, step, _ in train if tag.startswith("stage/")] == [1, 3]


def test_a_resumed_fit_does_not_double_its_curves(tmp_path: Path) -> None:
    with curves.writer(tmp_path, []) as writer:
        for epoch in EPOCHS[:3]:
            writer.add(epoch)
    with curves.writer(tmp_path, EPOCHS[:2]) as writer:
        writer.add(EPOCHS[2])
    assert [step for tag, step, _ in points(tmp_path / "train") if tag == "loss"] == [1, 2, 3]


def test_without_a_folder_nothing_is_written(tmp_path: Path) -> None:
    with curves.writer(None, EPOCHS) as writer:
        writer.add(EPOCHS[0])
    assert not list(tmp_path.iterdir())
