"""The options by which commands are told of labelled photos, and what they print of those that are left out."""

import sys
from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from training.data.labelled_files import LeftOut
    from training.data.splits import SplitPlan

DataOption = Annotated[
    Path,
    typer.Option(
        "--data", help="A folder of labelled photos (<label>/*.jpg, or --layout), or a snapshot.", show_default=False
    ),
]
LayoutOption = Annotated[
    str | None,
    typer.Option("--layout", help="folders, groups, pairs, coco, coco_boxes, imagefolder. Default: what is there."),
]
NamesOption = Annotated[
    Path | None, typer.Option("--names", help="File of class names, where the layout has only numbers.")
]
LabelMapOption = Annotated[
    str | None, typer.Option("--label-map", help="CSV of name,label from their classes to our labels, or a known map.")
]
LabelSetOption = Annotated[
    str | None,
    typer.Option("--label-set", help="trashnet, four_groups, waste_groups, junk_sorting, or a JSON file."),
]

OutsideOption = Annotated[
    Path | None,
    typer.Option("--outside", help="Photos taken elsewhere, for the out-of-domain figure.", show_default=False),
]
OutsideLabelsOption = Annotated[
    str | None, typer.Option("--outside-labels", help="Label map for them; an empty label: no waste of ours.")
]


class SplitMode(StrEnum):
    GROUPED = "grouped"
    RANDOM = "random"
    OWN = "own"


SplitOption = Annotated[
    SplitMode,
    typer.Option("--split", help="grouped: one object on one side; random: as papers do; own: that of the layout."),
]


def split_plan(mode: SplitMode, shares: tuple[float, float, float], seed: int) -> "SplitPlan":
    from training.data.splits import SplitFractions, SplitPlan  # noqa: PLC0415  # --help must not wait for it.

    return SplitPlan(
        SplitFractions(*shares), seed, grouped=mode is not SplitMode.RANDOM, own_split=mode is SplitMode.OWN
    )


def print_left_out(left_out: Sequence["LeftOut"], file: Path | None = None) -> None:
    """On standard error: how many, and the first ten; all of them into `file`, if there are any."""
    from training.data.labelled_files import summary, write_list  # noqa: PLC0415

    if not left_out:
        return
    if file is not None:
        write_list(left_out, file)
    print(summary(left_out, file).encode(errors="backslashreplace").decode(), file=sys.stderr)


def print_warnings(warnings: Sequence[str]) -> None:
    for warning in warnings:
        print(f"warning: {warning}", file=sys.stderr)
