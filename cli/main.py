"""The `wastelens` command. Each command lives in a module of its own and imports what it needs when it runs."""

import os

import typer

from cli import audit, channels, keys, recipes, releases, rollouts, staff, updates
from cli.classify import classify
from cli.compare import compare
from cli.crossvalidate import crossvalidate
from cli.demo.command import demo
from cli.evaluate import evaluate
from cli.fleet.command import fleet
from cli.import_gold import import_gold
from cli.operate import health, prepare
from cli.reproduce import reproduce
from cli.run import run
from cli.train import train
from cli.tune import tune

EXAMPLES = (
    "wastelens run --port 8001",
    "wastelens classify photo.jpg",
    "wastelens demo",
    "wastelens fleet --phones 1000 --scenario worse",
    "wastelens import photos/ --source trashnet --licence MIT",
    "wastelens train mobilenet_v2 --data photos/ --weights imagenet",
    "wastelens releases approve 2 --percent 5 --reason 'better on glass'",
    "wastelens keys init keys/ --targets-keys 2 --targets-threshold 2",
)

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode="rich",
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Waste recognition that a city runs itself.",
    epilog="[bold]Examples[/bold]\n\n" + "\n\n".join(EXAMPLES),
)
for command in (run, classify, train, crossvalidate, tune, reproduce, evaluate, compare, demo, fleet, prepare, health):
    app.command()(command)
app.command("import")(import_gold)
for name, group in (
    ("recipes", recipes.app),
    ("releases", releases.app),
    ("rollouts", rollouts.app),
    ("channels", channels.app),
    ("staff", staff.app),
    ("audit", audit.app),
    ("keys", keys.app),
    ("updates", updates.app),
):
    app.add_typer(group, name=name)


def main() -> None:
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")  # TensorFlow's news of the processor are no answer to a command.
    app()
