"""How a release is to be brought to phones, as options of commands, and how a rollout is spoken of."""

from typing import Annotated, Any

import typer

from backend.rollout_plan import BadPlan, RolloutPlan

REASON = Annotated[str, typer.Option(help="Why; kept for ever.")]
MAY_REASON = Annotated[str, typer.Option(help="Why; kept for ever.")]
PERCENT = Annotated[
    float | None, typer.Option(help="Begin at this share of the phones, then as the city's plan.", min=0.01, max=100)
]
PLAN = Annotated[str | None, typer.Option(help="PERCENT:HOURS of each step, for example '5:24, 25:24, 100'.")]
CHANNEL = Annotated[str, typer.Option(help="stable or beta.")]
UNMETERED = Annotated[bool, typer.Option("--unmetered", help="Phones download it on Wi-Fi only.")]
CHARGING = Annotated[bool, typer.Option("--charging", help="Phones download it while charging only.")]
IDLE = Annotated[bool, typer.Option("--idle", help="Phones download it while nobody uses them only.")]


def terms(  # Each is an option that a person gives by name.
    percent: float | None, plan: str | None, channel: str, unmetered: bool, charging: bool, idle: bool
) -> dict[str, Any]:
    """Return what the server is asked for. What is no plan ends the command with a sentence."""
    try:
        steps = None if plan is None else RolloutPlan.parse(plan).rows()
    except BadPlan as error:
        raise typer.BadParameter(str(error), param_hint="--plan") from None
    return {
        "channel": channel,
        "plan": steps,
        "rollout_percent": percent,
        "conditions": {"unmetered_only": unmetered, "charging_only": charging, "idle_only": idle},
    }


def rollout_words(rollout: dict[str, Any]) -> str:
    """Begin with the number that `wastelens rollouts` takes."""
    return f"rollout {rollout['id']} {rollout['state']} at {rollout['rollout_percent']:g} % of {rollout['channel']}"
