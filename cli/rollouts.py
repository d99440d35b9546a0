"""`wastelens rollouts`: bring releases to channels, step by step, and take them back."""

from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

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

app = typer.Typer(no_args_is_help=True, help="Rollouts: start, pause, resume, widen, halt.")

ROLLOUT = Annotated[int, typer.Argument(help="Number of the rollout, as `list` shows it.", min=1)]
WIDER = Annotated[float, typer.Option("--percent", help="Share of the phones, in percent.", min=0.01, max=100)]


@app.command("list")
def list_rollouts(server: SERVER = LOCAL, token: TOKEN = "") -> None:
    """List all rollouts, newest first, with why they are where they are.

    Example: wastelens rollouts list
    """
    with Server(server, token) as connection:
        rollouts = connection.get("/v1/rollouts")["rollouts"]
    table = Table("rollout", "release", "channel", "state", "phones", "next step", "why")
    for rollout in rollouts:
        table.add_row(
            str(rollout["id"]),
            str(rollout["version"]),
            rollout["channel"],
            rollout["state"],
            f"{rollout['rollout_percent']:g} %",
            _next_step(rollout),
            rollout["judgement"] if rollout["state"] == "running" else rollout["reason"],
        )
    Console(markup=False).print(table)


def _next_step(rollout: dict[str, Any]) -> str:
    if rollout["next_percent"] is None:
        return "-"
    return f"{rollout['next_percent']:g} % from {rollout['next_step_at'][:16]}"


@app.command()
def start(  # noqa: PLR0913, PLR0917  # Each is an option that a person gives by name.
    version: Annotated[int, typer.Argument(help="Version of the release.", min=1)],
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
    """Bring an approved release to a further channel, or anew after a rollout that was halted.

    Example: wastelens rollouts start 2 --channel stable --plan "5:24, 25:24, 100" --reason "beta liked it"
    """
    body = terms(percent, plan, channel, unmetered, charging, idle) | {"version": version, "reason": reason}
    with Server(server, token) as connection:
        _say(connection.post("/v1/rollouts", body))


@app.command()
def pause(rollout: ROLLOUT, reason: REASON, server: SERVER = LOCAL, token: TOKEN = "") -> None:
    """Keep it as wide as it is. It still halts by itself when phones report harm.

    Example: wastelens rollouts pause 1 --reason "over the holidays"
    """
    _act(server, token, rollout, "pause", {"reason": reason})


@app.command()
def resume(rollout: ROLLOUT, reason: REASON, server: SERVER = LOCAL, token: TOKEN = "") -> None:
    """Let it go on, after it was paused or halted.

    Example: wastelens rollouts resume 1 --reason "it was the camera"
    """
    _act(server, token, rollout, "resume", {"reason": reason})


@app.command()
def widen(rollout: ROLLOUT, percent: WIDER, reason: MAY_REASON = "", server: SERVER = LOCAL, token: TOKEN = "") -> None:
    """Offer it to more phones, whatever its plan says; 100 makes its release the current one.

    Example: wastelens rollouts widen 1 --percent 50
    """
    _act(server, token, rollout, "widen", {"rollout_percent": percent, "reason": reason})


@app.command()
def halt(rollout: ROLLOUT, reason: REASON, server: SERVER = LOCAL, token: TOKEN = "") -> None:
    """Offer it to nobody; phones go back to the release before, also after it was completed.

    Example: wastelens rollouts halt 1 --reason "glass goes wrong"
    """
    _act(server, token, rollout, "halt", {"reason": reason})


def _act(server: str, token: str, rollout: int, act: str, body: dict[str, Any]) -> None:
    with Server(server, token) as connection:
        _say(connection.post(f"/v1/rollouts/{rollout}/{act}", body))


def _say(rollout: dict[str, Any]) -> None:
    typer.echo(f"Release {rollout['version']}: {rollout_words(rollout)}.")
