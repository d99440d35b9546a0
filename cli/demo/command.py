"""The command `wastelens demo` and the table at its end."""

import tempfile
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table

if TYPE_CHECKING:
    from cli.demo.play import Story

DRAWN_PICTURES = 1000


def demo(
    photos: Annotated[Path | None, typer.Option(help="Labelled photos: DIR/<label>/*.jpg, groups.csv.")] = None,
    weights: Annotated[str | None, typer.Option(help="Weights file of the backbone, or imagenet.")] = None,
    recipe: Annotated[
        str | None, typer.Option(help="Recipe. Default: mobilenet_v2_quick, drawn pictures: tiny.")
    ] = None,
    phones: Annotated[int, typer.Option(min=3, max=200, help="Simulated phones.")] = 20,
    keep: Annotated[Path | None, typer.Option(help="Keep everything in this new folder, to look at it.")] = None,
) -> None:
    """Play the whole loop with a real server, worker and phones, and show what it gained.

    Without --photos it draws its own pictures and takes less than 3 minutes.

    Example: wastelens demo --photos trashnet/ --weights mobilenet_v2_notop.weights.h5
    """
    from cli.demo import pictures, play  # noqa: PLC0415  # --help must not wait for numpy and the database library.
    from cli.demo.city import DemoFailed  # noqa: PLC0415
    from training.dataset import DataError  # noqa: PLC0415

    console = Console()
    if photos is not None and weights is None:
        typer.echo("--photos needs --weights FILE, or --weights imagenet to download them.", err=True)
        raise typer.Exit(2)
    if keep is not None and keep.exists():
        typer.echo(f"{keep} exists already; name a new folder.", err=True)
        raise typer.Exit(2)
    folder = tempfile.TemporaryDirectory(prefix="wastelens-demo-") if keep is None else nullcontext(str(keep))
    with folder as name:
        directory = Path(name).resolve()
        directory.mkdir(exist_ok=True, parents=True)
        if photos is None:
            pictures.write_folder(directory / "drawn", DRAWN_PICTURES)
        source = directory / "drawn" if photos is None else photos
        name_of_recipe = recipe or ("tiny" if photos is None else "mobilenet_v2_quick")
        plan = play.Plan(source, directory, name_of_recipe, weights or "random", phones)
        try:
            story = play.play(plan, console)
        except (DemoFailed, DataError) as error:
            typer.echo(str(error), err=True)
            raise typer.Exit(1) from error
    show(story, console)


def show(story: "Story", console: Console) -> None:
    """Print what the phones measured and what it cost."""
    before, after = story.before, story.after
    if before is None or after is None:
        raise ValueError("the story has not been played to its end")
    table = Table(title="Measured by the phones on photos nobody trained on")
    for heading in ("label", "photos", "recall, release 1", f"recall, release {after.release}", "change"):
        table.add_column(heading, justify="left" if heading == "label" else "right")
    for label in sorted(before.photos):
        one, two = before.recall(label), after.recall(label)
        table.add_row(label, str(before.photos[label]), f"{one:.3f}", f"{two:.3f}", f"{two - one:+.3f}")
    table.add_section()
    gained = after.accuracy - before.accuracy
    accuracies = (f"{before.accuracy:.3f}", f"{after.accuracy:.3f}", f"{gained:+.3f}")
    table.add_row("accuracy", str(before.photos.total()), *accuracies, style="bold")
    console.print(table)
    console.print(_words(story))
    console.print(_seconds(story))


def _words(story: "Story") -> str:
    sent = story.sent
    return (
        f"{len(sent.truth)} photos sent ({sent.photo_bytes / 1e6:.1f} MB), {sent.corrected} corrected by residents, "
        f"{sent.corrected_wrongly} of these wrongly; the reviewer changed {story.relabelled} labels.\n"
        f"{story.updated} phones updated, {story.downloaded_bytes / 1e6:.2f} MB downloaded by all of them.\n"
        f"Gate: {'; '.join(story.blessing['reasons'])}"
    )


def _seconds(story: "Story") -> Table:
    table = Table(title="Seconds")
    table.add_column("step")
    table.add_column("seconds", justify="right")
    for name, seconds in story.seconds.items():
        table.add_row(name, f"{seconds:.1f}")
    table.add_section()
    table.add_row("total", f"{sum(story.seconds.values()):.1f}", style="bold")
    return table
