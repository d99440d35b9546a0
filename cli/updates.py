"""`wastelens updates`: the publisher alone, for an app whose models are made and decided about elsewhere.

Guarantees: no server, database or queue takes part. Whatever keeps a release from phones ends with exit status 1.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli.key_files import open_repository, problems_in_words, refuse

if TYPE_CHECKING:
    from mobile_models.updates.publishing.repository import Outcome

app = typer.Typer(no_args_is_help=True, help="Publish models without a server, for another app.")

TO = Annotated[str, typer.Option(help="The update repository: a folder that is there, or s3://bucket/prefix.")]


@app.command()
def publish(
    folder: Annotated[Path, typer.Argument(exists=True, file_okay=False, help="releases/ and channels/ of your app.")],
    to: TO,
    keys: Annotated[Path, typer.Option(exists=True, file_okay=False, help="What `wastelens keys init` has made.")],
) -> None:
    """Let phones have what a folder says, and sign anew what would expire. Run it daily, and after each change.

    Example: wastelens updates publish flowers/ --to /srv/wastelens/updates --keys keys/
    """
    from mobile_models.updates.keys import signing_keys  # noqa: PLC0415  # --help must not wait for it.
    from mobile_models.updates.publishing import publishing_folder  # noqa: PLC0415  # --help must not wait for it.

    with problems_in_words():
        outcome = publishing_folder.publish(folder, open_repository(to), signing_keys.load(keys))
    _tell(outcome, folder)
    refused = {f"Release {version}": why for version, why in outcome.refused.items()}
    refused |= {f"The guide of {city}": why for city, why in outcome.guides_refused.items()}
    if refused:
        refuse("\n".join(f"{what} cannot be published: {why}." for what, why in refused.items()))


@app.command()
def check(
    to: TO,
    root: Annotated[Path, typer.Option(exists=True, dir_okay=False, help="root.json as it is built into the app.")],
) -> None:
    """Read a whole update repository as a phone does, with every file, and say what phones are told.

    Example: wastelens updates check --to /srv/wastelens/updates --root keys/online/root.json
    """
    from mobile_models.updates.publishing import repository  # noqa: PLC0415

    with problems_in_words():
        published = repository.verify(open_repository(to), root.read_bytes())
    typer.echo(f"Phones believe it. Releases: {', '.join(map(str, sorted(published.versions))) or 'none'}.")
    for channel, pointer in sorted(published.channels.items()):
        typer.echo(f"{channel}: {pointer.to_bytes().decode().strip()}")


def _tell(outcome: "Outcome", folder: Path) -> None:
    if outcome.published:
        typer.echo(f"Published: {', '.join(map(str, outcome.published))}.")
    elif not outcome.awaiting and not outcome.refused and not outcome.guides_refused:
        typer.echo("Signed anew." if outcome.changed else "Nothing to do: phones are told what the folder says.")
    for version, waiting in outcome.awaiting.items():
        staged = folder / "staged" / f"{version}.json"
        typer.echo(
            f"Release {version} waits for {waiting.missing} more to sign it: wastelens releases sign --staged {staged}"
            f" --key ... --output {folder / 'signatures' / str(version)}/NAME.json; then publish again."
        )
    for warning in outcome.warnings:
        typer.echo(f"Warning: {warning}.")
