"""How far a training run is, on standard error: a bar with the time left in a terminal, else a line per epoch."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.progress import Progress as Bars
    from rich.progress import TaskID

    from training.run_directory import Progress

    Watch = Callable[[Progress], None]
    WatchMany = Callable[[str, Progress], None]


@contextmanager
def shown() -> "Iterator[Watch]":
    """Yield what takes each new progress of a run and shows it."""
    with shown_many() as watch:
        yield lambda progress: watch("", progress)


@contextmanager
def shown_many(side_by_side: int = 1) -> "Iterator[WatchMany]":
    """Yield what takes the name of a run and how far it is, and shows the `side_by_side` ones heard of last."""
    from rich.console import Console  # noqa: PLC0415  # --help must not wait for it.

    console = Console(stderr=True)
    if not console.is_terminal:
        yield _print_line
        return
    with _bars(console) as bars:
        tasks: dict[str, TaskID] = {}

        def move(name: str, progress: "Progress") -> None:
            tasks[name] = tasks.pop(name) if name in tasks else bars.add_task(name, total=None, left="")
            _move(bars, tasks[name], name, progress)
            while len(tasks) > side_by_side:
                bars.remove_task(tasks.pop(next(iter(tasks))))

        yield move


def remaining(seconds: float | None) -> str:
    """`1 h 05 min left`, `4 min left`, `20 s left`; nothing while it is unknown."""
    if seconds is None:
        return ""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s left"
    hours, minutes = divmod(round(whole / 60), 60)
    return f"{hours} h {minutes:02d} min left" if hours else f"{minutes} min left"


def _print_line(name: str, progress: "Progress") -> None:
    print(f"{name}: {progress.describe()}" if name else progress.describe(), file=sys.stderr, flush=True)


def _bars(console: object) -> "Bars":
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn  # noqa: PLC0415

    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("{task.fields[left]}"),
        console=console,  # type: ignore[arg-type]  # Its class is imported where it is made.
    )


def _move(bars: "Bars", task: "TaskID", name: str, progress: "Progress") -> None:
    accuracy = progress.metrics.get("val_accuracy")
    measured = "" if accuracy is None else f"  validation {accuracy:.4f}"
    bars.update(
        task,
        description=f"{name}  {progress.stage}{measured}".strip(),
        completed=progress.epoch,
        total=progress.epochs or None,
        left=remaining(progress.seconds_left),
    )
