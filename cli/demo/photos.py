"""Whose photos the demonstration uses when: a tenth to begin with, most as residents' photos, the rest to measure."""

from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from zlib import crc32

from training.dataset import LabelledFile, Split, SplitFractions, SplitItem, read_folder, split_groups

FIRST_FRACTION, RESIDENTS_FRACTION, FINAL_FRACTION = 0.1, 0.6, 0.3


@dataclass(frozen=True)
class DemoPhotos:
    """Photos of one object stand on one side, so nothing that is measured at the end was ever trained on."""

    first: tuple[LabelledFile, ...]
    residents: tuple[LabelledFile, ...]
    final: tuple[LabelledFile, ...]

    def by_resident(self, residents: int) -> list[list[LabelledFile]]:
        """Deal the residents' photos to so many people; one object belongs to one of them."""
        dealt: dict[int, list[LabelledFile]] = defaultdict(list)
        for file in self.residents:
            dealt[crc32(file.group.encode()) % residents].append(file)
        return [dealt[resident] for resident in range(residents)]


def deal(directory: Path) -> DemoPhotos:
    """Divide a labelled folder; raise `training.dataset.DatasetError` if it is none."""
    files = {str(file.path): file for file in read_folder(directory)}
    items = [SplitItem(path, file.label, file.group) for path, file in files.items()]
    shares = SplitFractions(train=FIRST_FRACTION, validation=RESIDENTS_FRACTION, holdout=FINAL_FRACTION)
    sides = split_groups(items, shares)
    first, residents, final = (
        tuple(file for path, file in files.items() if sides[path] is side)
        for side in (Split.TRAIN, Split.VALIDATION, Split.HOLDOUT)
    )
    return DemoPhotos(first, residents, final)


def write_folder(files: tuple[LabelledFile, ...], directory: Path) -> None:
    """Lay `files` out as a labelled folder of links with a groups.csv."""
    rows = ["file,object_group"]
    for number, file in enumerate(files):
        link = directory / file.label / f"{number:05d}{file.path.suffix}"
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(file.path.resolve())
        rows.append(f"{file.label}/{link.name},{file.group}")
    (directory / "groups.csv").write_text("\n".join(rows) + "\n")
