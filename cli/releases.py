"""`wastelens releases`: look at releases, approve, sign and withdraw them, and read their history."""

from pathlib import Path
from typing import Annotated, Any
from urllib.parse import quote

import typer
from rich.console import Console
from rich.table import Table

from cli import release_signing
from cli.rollout_terms import (
    CHANNEL,
    CHARGING,
    IDLE,
    MAY_REASON,
    PERCENT,
    PLAN,
    REASON,
    UNMETERED,
    rollout_words,
    terms,
)
from cli.server import LOCAL, SERVER, TOKEN, Server

app = typer.Typer(no_args_is_help=True, help="Releases: approve, sign, withdraw, and who decided what.")
for command in (release_signing.sign, release_signing.fetch_staged, release_signing.add_signature):
    app.command()(command)

VERSION = Annotated[int, typer.Argument(help="Version of the release.", min=1)]


@app.command("list")
def list_releases(server: SERVER = LOCAL, token: TOKEN = "") -> None:
    """List all releases, newest first.

    Example: wastelens releases list
    """
    with Server(server, token) as connection:
        releases = connection.get("/v1/releases")["releases"]
    table = Table("version", "state", "phones", "accuracy", "gate", "approvals", "signatures")
    for release in releases:
        table.add_row(
            str(release["version"]),
            "retired" if release["retired_at"] else release["state"],
            _phones(release),
            f"{release['manifest']['evaluation']['accuracy']:.3f}",
            release["blessing"]["verdict"] + (" (no champion)" if release["blessing"]["rubber_stamped"] else ""),
            f"{release['approvals']} of {release['approvals_needed']}",
            str(len(release["signed_by"])),
        )
    Console(markup=False).print(table)


def _phones(release: dict[str, Any]) -> str:
    current = [f"current on {name}" for name in release["current_on"]]
    rollouts = [rollout for rollout in release["rollouts"] if rollout["state"] in ("running", "paused", "halted")]
    return ", ".join(current + [rollout_words(rollout) for rollout in rollouts]) or "-"


@app.command()
def approve(  # noqa: PLR0913, PLR0917  # Each is an option that a person gives by name.
    version: VERSION,
    percent: PERCENT = None,
    plan: PLAN = None,
    channel: CHANNEL = "stable",
    unmetered: UNMETERED = False,
    charging: CHARGING = False,
    idle: IDLE = False,
    reason: MAY_REASON = "",
    server: SERVER = LOCAL,
    token: TOKEN = "",
) -> None:
    """Approve a proposed release and say how it is rolled out; by default as the city's plan has it.

    Example: wastelens releases approve 2 --percent 5 --reason "better on trash"
    """
    body = terms(percent, plan, channel, unmetered, charging, idle) | {"reason": reason}
    with Server(server, token) as connection:
        release = connection.post(f"/v1/releases/{version}/approve", body)
    approvals = f"approvals {release['approvals']} of {release['approvals_needed']}"
    typer.echo(f"Release {version} is {release['state']}, {approvals}{_rollout(release)}.")


def _rollout(release: dict[str, Any]) -> str:
    """Name the newest rollout, whose number `wastelens rollouts` takes."""
    rollout = next(iter(release["rollouts"]), None)
    return "" if rollout is None else f", {rollout_words(rollout)}"


@app.command()
def withdraw(version: VERSION, reason: REASON, server: SERVER = LOCAL, token: TOKEN = "") -> None:
    """Take a release back for ever. To stop one that may be offered again, halt its rollout.

    Example: wastelens releases withdraw 2 --reason "glass goes wrong"
    """
    with Server(server, token) as connection:
        release = connection.post(f"/v1/releases/{version}/withdraw", {"reason": reason})
    typer.echo(f"Release {version} is {release['state']}{_rollout(release)}.")


@app.command()
def history(
    export: Annotated[
        Path | None, typer.Option(help="Write everything to this file: .csv or .jsonl.", dir_okay=False)
    ] = None,
    subject: Annotated[str, typer.Option(help="Only of one thing, for example release/3 or channel/stable.")] = "",
    server: SERVER = LOCAL,
    token: TOKEN = "",
) -> None:
    """Show who decided what and why, and what phones were told.

    Example: wastelens releases history --export history.csv
    """
    query = f"?subject={quote(subject)}" if subject else ""
    with Server(server, token) as connection:
        if export is None:
            _show_history(connection, query)
            return
        if export.suffix not in (".csv", ".jsonl"):
            typer.echo("Name the file .csv or .jsonl, as which it is to be written.", err=True)
            raise typer.Exit(1)
        export.write_bytes(connection.get_bytes(f"/v1/history/export{export.suffix}{query}"))
    typer.echo(f"Wrote {export}.")


def _show_history(connection: Server, query: str) -> None:
    table, after = Table("when", "who", "what", "of", "detail"), 0
    while after is not None:
        page = connection.get(f"/v1/history{query}{'&' if query else '?'}after={after}&limit=500")
        for event in page["events"]:
            detail = ", ".join(f"{name}: {value}" for name, value in event["detail"].items() if value not in ("", None))
            table.add_row(event["at"][:19], event["actor"], event["action"], event["subject"], detail)
        after = page["after"]
    Console(markup=False).print(table)
