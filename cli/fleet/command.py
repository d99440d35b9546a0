"""The command `wastelens fleet`."""

import shutil
import tempfile
from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer
from rich.console import Console

from phone.fleet.scenarios import PLAYED, Scenario

if TYPE_CHECKING:
    from cli.fleet.play import Played, Wanted

ALL = "all"
_ROOM_BYTES = 2 * 1024**3
_CHOICES = ", ".join((*PLAYED, ALL))


def fleet(  # noqa: PLR0913, PLR0917  # typer makes an option of each.
    phones: Annotated[int, typer.Option(min=20, max=100_000, help="Light phones, without LiteRT.")] = 1000,
    full_phones: Annotated[int, typer.Option(min=0, max=50, help="Phones that run everything for real.")] = 8,
    scenario: Annotated[str, typer.Option(help=f"What is published: {_CHOICES}.")] = Scenario.WORSE,
    days: Annotated[int, typer.Option(min=5, max=30, help="Days that the city lives; the server takes 30.")] = 30,
    worse_accuracy: Annotated[
        float, typer.Option(min=0, max=1, help="Share of right answers of the worse release; the old one has 0.86.")
    ] = 0.55,
    seed: Annotated[int, typer.Option(help="The same seed gives the same city.")] = 1,
    page: Annotated[Path, typer.Option(help="Where the page with the curves is written.")] = Path("fleet.html"),
    server: Annotated[str, typer.Option(help="Follow this city instead; nothing is published or reported there.")] = "",
    root: Annotated[Path | None, typer.Option(help="With --server: root.json, as its app carries it.")] = None,
    keep: Annotated[Path | None, typer.Option(help="Keep the city in this new folder, to look at it.")] = None,
) -> None:
    """Let a simulated city live with a real server, give it a bad release, and see who stops it.

    Exit status 1 if a bad release was not stopped, a good one was, or a malicious mirror did harm.

    Example: wastelens fleet --phones 10000 --scenario worse
    """
    _check(page, keep, server, root)
    chosen = (Scenario.FOLLOW,) if server else _scenarios(scenario)
    console = Console(highlight=False)
    folder = nullcontext(str(keep)) if keep else tempfile.TemporaryDirectory(prefix="wastelens-fleet-", dir=_memory())
    with folder as name:
        wanted = [
            _wanted(each, phones, full_phones, days, seed, Path(name).resolve() / each, worse_accuracy)
            for each in chosen
        ]
        played = [_play(each, server, root, console) for each in wanted]
    _write_page(page, played)
    console.print(f"The curves are in {page}")
    if not all(each.outcome.is_well for each in played):
        raise typer.Exit(1)


def _check(page: Path, keep: Path | None, server: str, root: Path | None) -> None:
    """Say at once what would otherwise be found out after a long run."""
    if keep is not None and keep.exists():
        _refuse(f"{keep} exists already; name a new folder.")
    if not page.absolute().parent.is_dir() or page.is_dir():
        _refuse(f"{page} cannot be written; name a file in a folder that there is.")
    if bool(server) != (root is not None):
        _refuse("--server needs --root FILE, and --root needs --server URL.")


def _write_page(page: Path, played: Sequence["Played"]) -> None:
    from cli.fleet import page as pages  # noqa: PLC0415  # --help must not wait for the database library.

    page.write_text(pages.write(played))


def _refuse(message: str) -> NoReturn:
    typer.echo(message, err=True)
    raise typer.Exit(2)


def _memory() -> str | None:
    """Return a folder in memory, where there is one: a city in it is not worth the wear of a disk."""
    folder = Path("/dev/shm")  # noqa: S108  # TemporaryDirectory makes a folder of our own in it.
    is_roomy = folder.is_dir() and shutil.disk_usage(folder).free > _ROOM_BYTES
    return str(folder) if is_roomy else None


def _scenarios(given: str) -> Sequence[Scenario]:
    if given == ALL:
        return PLAYED
    if given not in PLAYED:
        _refuse(f"There is no scenario {given}; there are {_CHOICES}.")
    return (Scenario(given),)


def _wanted(  # In the order of `Wanted`.
    scenario: Scenario, phones: int, full_phones: int, days: int, seed: int, directory: Path, worse_accuracy: float
) -> "Wanted":
    from cli.fleet.play import Wanted  # noqa: PLC0415
    from mobile_models import bundled  # noqa: PLC0415

    return Wanted(scenario, phones, full_phones, days, seed, directory, bundled.newest(), worse_accuracy)


def _play(wanted: "Wanted", server: str, root: Path | None, console: Console) -> "Played":
    from cli.demo.city import DemoFailed  # noqa: PLC0415
    from cli.fleet import existing_city, play  # noqa: PLC0415
    from cli.fleet.scratch_city import CityFailed  # noqa: PLC0415
    from cli.fleet.screen import Screen  # noqa: PLC0415
    from cli.fleet.worlds import Source  # noqa: PLC0415

    try:
        with Screen(console, wanted) as screen:
            if root is None:
                played = play.play(wanted, screen.add)
            else:
                source = Source(server.rstrip("/"), existing_city.read_root(root), wanted.bundled)
                played = existing_city.follow(wanted, source, screen.add)
    except (CityFailed, DemoFailed, existing_city.CannotBeFollowed) as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(2) from error
    console.print(played.outcome.words(), style="green" if played.outcome.is_well else "red", markup=False)
    return played
