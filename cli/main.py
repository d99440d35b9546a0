"""The `wastelens` command. Each command lives in a module of its own and imports what it needs when it runs."""

import typer

from cli import keys, releases, staff
from cli.classify import classify
from cli.demo.command import demo
from cli.import_gold import import_gold
from cli.operate import health, prepare
from cli.run import run

EXAMPLES = """
[bold]Examples[/bold]

  wastelens run --port 8001                         server, worker and schedule on this machine
  wastelens classify photo.jpg                      what is it?
  wastelens import photos/ --source trashnet --licence MIT
  wastelens demo                                    the whole loop on drawn pictures, in under 3 minutes
  wastelens keys init keys/                         signing keys for production
"""

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode="rich",
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Waste recognition that a city runs itself.",
    epilog=EXAMPLES.replace("\n", "\n\n"),
)
for command in (run, classify, demo, prepare, health):
    app.command()(command)
app.command("import")(import_gold)
for name, group in (("releases", releases.app), ("staff", staff.app), ("keys", keys.app)):
    app.add_typer(group, name=name)


def main() -> None:
    app()
