"""`wastelens audit`: is the permanent history whole?"""

import re
from typing import Annotated

import typer

from backend.settings import Settings

app = typer.Typer(no_args_is_help=True, help="The permanent history.")


@app.callback()
def group() -> None:
    """Without it the only command would take the place of the group."""


@app.command()
def verify(
    kept: Annotated[str, typer.Option(help="NUMBER:SHA-256, a link that an earlier run printed.")] = "",
) -> None:
    """Walk along the whole chain of the history, in the database of this host; fail if anything was changed.

    Example: wastelens audit verify --kept 1200:9f86d081884c7d65...
    """
    from backend import database  # noqa: PLC0415  # --help must not wait for the database library.
    from backend.records import audit_chain  # noqa: PLC0415  # --help must not wait for the database library.

    engine = database.connect(Settings().resolved_database_url)
    try:
        found = audit_chain.verify(lambda: database.transaction(engine), _link(kept))
    finally:
        engine.dispose()
    typer.echo(f"{found.events} events hold, up to the link {found.events}:{found.last}")
    if not found.intact:
        typer.echo(f"The chain breaks at number {found.broken_at}: {found.why.replace('_', ' ')}.", err=True)
        raise typer.Exit(1)


def _link(kept: str) -> tuple[int, str] | None:
    if not kept:
        return None
    if re.fullmatch(r"\d+:[0-9a-f]{64}", kept) is None:
        raise typer.BadParameter("a link is a number, a colon and 64 hexadecimal digits")
    number, _, digest = kept.partition(":")
    return int(number), digest
