"""`wastelens channels`: who runs what, and going back."""

from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from cli.rollout_terms import REASON, rollout_words
from cli.server import LOCAL, SERVER, TOKEN, Server

app = typer.Typer(no_args_is_help=True, help="Channels: who runs what; go back, return to the bundled release.")

CHANNEL = Annotated[str, typer.Argument(help="stable or beta.")]


@app.command("list")
def list_channels(server: SERVER = LOCAL, token: TOKEN = "") -> None:
    """List the channels with what they tell phones.

    Example: wastelens channels list
    """
    with Server(server, token) as connection:
        channels = connection.get("/v1/channels")["channels"]
    table = Table("channel", "current", "rollout", "published")
    for channel in channels:
        rollout = channel["rollout"]
        words = "-" if rollout is None else f"release {rollout['version']}, {rollout_words(rollout)}"
        table.add_row(channel["name"], _current(channel), words, _told(channel["published"]))
    Console(markup=False).print(table)


def _current(channel: dict[str, Any]) -> str:
    if channel["return_to_bundled"]:
        return "the bundled release (returned)"
    version = channel["current_version"]
    return "the bundled release" if version is None else f"release {version}"


def _told(pointer: dict[str, Any] | None) -> str:
    if pointer is None:
        return "nothing yet"
    current = "the bundled release" if pointer["current"] is None else f"release {pointer['current']}"
    candidate = pointer["candidate"]
    return current if candidate is None else f"{current}, {candidate['rollout_percent']:g} %: {candidate['version']}"


@app.command()
def periods(channel: CHANNEL, server: SERVER = LOCAL, token: TOKEN = "") -> None:
    """Show what a channel told phones, from when to when.

    Example: wastelens channels periods stable
    """
    with Server(server, token) as connection:
        found = connection.get(f"/v1/channels/{channel}/periods")["periods"]
    table = Table("since", "until", "phones were told", "timestamp.json")
    for each in found:
        until = (each["until"] or "now")[:19]
        number = each["metadata_versions"].get("timestamp", "-")
        table.add_row(each["since"][:19], until, _told(each["pointer"]), str(number))
    Console(markup=False).print(table)


@app.command()
def go_back(
    channel: CHANNEL,
    version: Annotated[int, typer.Argument(help="An older release that is still kept.", min=1)],
    reason: REASON,
    server: SERVER = LOCAL,
    token: TOKEN = "",
) -> None:
    """Make an older release the current one again.

    Example: wastelens channels go-back stable 2 --reason "3 is slow on old phones"
    """
    _act(server, token, channel, "go-back", {"version": version, "reason": reason})


@app.command()
def return_to_bundled(channel: CHANNEL, reason: REASON, server: SERVER = LOCAL, token: TOKEN = "") -> None:
    """Let everybody run the release that came with the app, until that is ended.

    Example: wastelens channels return-to-bundled stable --reason "answers are nonsense"
    """
    _act(server, token, channel, "return-to-bundled", {"reason": reason})


@app.command()
def end_return_to_bundled(channel: CHANNEL, reason: REASON, server: SERVER = LOCAL, token: TOKEN = "") -> None:
    """Let everybody run the channel's current release again.

    Example: wastelens channels end-return-to-bundled stable --reason "it was the labels file"
    """
    _act(server, token, channel, "end-return-to-bundled", {"reason": reason})


def _act(server: str, token: str, channel: str, act: str, body: dict[str, Any]) -> None:
    with Server(server, token) as connection:
        answer = connection.post(f"/v1/channels/{channel}/{act}", body)
    typer.echo(f"On {channel} everybody gets {_current(answer)}, as soon as it is published.")
