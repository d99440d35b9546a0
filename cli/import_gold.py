"""`wastelens import`: labelled folders become gold labels, with their source and licence."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from backend.settings import Settings
from cli.labelled_data import LabelMapOption, LayoutOption, NamesOption

if TYPE_CHECKING:
    from backend.intake.gold_import import Importer, Source
    from training.data.layouts import Reading

_console = Console(highlight=False)


def import_gold(
    directory: Annotated[Path, typer.Argument(help="Folder with one folder of photos for each label, or --layout.")],
    source: Annotated[str, typer.Option(help="Name of the data set, kept with each photo.")],
    licence: Annotated[str, typer.Option(help="Licence of the photos, kept with each photo.")],
    new_labels: Annotated[bool, typer.Option(help="Folders that are no known labels are new ones.")] = False,
    layout: LayoutOption = None,
    names: NamesOption = None,
    label_map: LabelMapOption = None,
) -> None:
    """Bring labelled photos in as gold: DIR/<label>/*.jpg, and groups.csv (file,object_group) where there is one.

    Doing it again adds nothing. What cannot be taken is listed, and the rest is imported.

    Example: wastelens import photos/ --source trashnet --licence MIT
    """
    from sqlalchemy.exc import OperationalError  # noqa: PLC0415

    from backend.errors import DomainError  # noqa: PLC0415  # --help must not wait for the database library.
    from backend.intake.gold_import import Source  # noqa: PLC0415
    from training.data.photo_source import PhotoSource  # noqa: PLC0415
    from training.dataset import DataError  # noqa: PLC0415

    try:
        reading = PhotoSource(directory, layout, names, label_map).read()
        _import(Settings(), reading, Source(source, licence), new_labels=new_labels)
    except (DomainError, DataError) as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(1) from None
    except OperationalError as error:
        typer.echo(f"The database failed: {error.orig}. What is imported so far stays; import again.", err=True)
        raise typer.Exit(1) from None


def _import(settings: Settings, reading: "Reading", source: "Source", *, new_labels: bool) -> None:
    columns = (TextColumn("Importing"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=_console, transient=True) as bar:
        task = bar.add_task("import", total=None)
        with importing(settings, lambda done, total: bar.update(task, completed=done, total=total)) as importer:
            report = importer.import_reading(reading, source, new_labels=new_labels)
    for problem in report.problems:
        typer.echo(f"left out: {problem.path}: {problem.reason}", err=True)
    labels = "".join(f"\n  {label}: {count}" for label, count in sorted(report.added.items()))
    counts = f"{sum(report.added.values())} photos are new, {report.known} were known, {len(report.problems)} left out."
    typer.echo(counts + labels)


@contextmanager
def importing(settings: Settings, progress: Callable[[int, int], None]) -> Iterator["Importer"]:
    """An importer into the database and storage of `settings`. Its jobs are rung for by the sweep."""
    from backend import database  # noqa: PLC0415  # --help must not wait for the database library.
    from backend.intake import photo_store  # noqa: PLC0415  # --help must not wait for the database library.
    from backend.intake.gold_import import Importer  # noqa: PLC0415
    from backend.intake.photo_sandbox import PhotoSandbox  # noqa: PLC0415
    from mobile_models.photo import PhotoLimits  # noqa: PLC0415

    limits = PhotoLimits(max_bytes=settings.max_photo_bytes, max_pixels=settings.max_photo_pixels)
    sandbox = PhotoSandbox(limits, settings.stored_photo_edge_pixels)
    engine = database.connect(settings.resolved_database_url)
    storage = photo_store.open_store(settings, settings.resolved_storage_url)
    try:
        yield Importer(partial(database.transaction, engine), storage, sandbox, progress)
    finally:
        engine.dispose()
        sandbox.close()
