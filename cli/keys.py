"""`wastelens keys`: the signing keys of the update repository."""

from pathlib import Path
from typing import Annotated, NoReturn

import typer

app = typer.Typer(no_args_is_help=True, help="Signing keys of the update repository.")


@app.command()
def init(
    directory: Annotated[Path, typer.Argument(help="New folder for the keys.")],
    targets_keys: Annotated[int, typer.Option(min=1, max=20, help="Keys that may sign models, one a person.")] = 1,
    targets_threshold: Annotated[int, typer.Option(min=1, max=20, help="Signatures that a model needs.")] = 1,
    root_keys: Annotated[int, typer.Option(min=1, max=20, help="Keys that may change keys.")] = 1,
    root_threshold: Annotated[int, typer.Option(min=1, max=20, help="Signatures that a change of keys needs.")] = 1,
) -> None:
    """Make the keys of a new update repository, and say which of them to keep offline.

    Example: wastelens keys init keys/ --targets-keys 2 --targets-threshold 2
    """
    from mobile_models.updates import signing_keys  # noqa: PLC0415  # --help must not wait for cryptography.

    try:
        written = signing_keys.init(
            directory,
            root_keys=root_keys,
            root_threshold=root_threshold,
            targets_keys=targets_keys,
            targets_threshold=targets_threshold,
        )
    except (FileExistsError, ValueError) as error:
        _refuse(str(error))
    typer.echo("Keep these offline, each where only its holder can reach it. No server needs them:")
    _list([key.path for key in written if key.keep_offline])
    typer.echo("The publisher needs these, with the two .json files beside them (WASTELENS_KEYS_DIR):")
    _list([key.path for key in written if not key.keep_offline])
    typer.echo(f"Build this public file into apps: {directory / 'online' / 'root.json'}")
    if targets_threshold > 1:
        typer.echo(f"A release is published once {targets_threshold} people have signed it:")
        typer.echo("  wastelens releases sign VERSION --key FILE")


@app.command()
def renew(
    file: Annotated[Path, typer.Argument(exists=True, help="The newest root.json or targets.json of the repository.")],
    root: Annotated[Path, typer.Option(exists=True, help="The newest root.json of the repository.")],
    key: Annotated[list[Path], typer.Option(help="Private key; may be given more than once.")],
    countersign: Annotated[bool, typer.Option(help="FILE is a renewal that somebody else has begun.")] = False,
) -> None:
    """Sign root or targets for another year, on a computer that stays offline.

    Example: wastelens keys renew 4.targets.json --root 1.root.json --key targets-1.pem
    """
    from mobile_models.updates import renewal, signing_keys  # noqa: PLC0415  # --help must not wait for cryptography.

    act = renewal.countersign if countersign else renewal.renew
    try:
        renewed = act(file.read_bytes(), root.read_bytes(), [signing_keys.load_signer(each) for each in key])
        missing = renewal.missing_signatures(renewed, root.read_bytes())
    except signing_keys.KeyProblem as error:
        _refuse(str(error))
    name = renewal.file_name(renewed)
    Path(name).write_bytes(renewed)
    if missing:
        typer.echo(
            f"Wrote {name}. It needs {missing} more: wastelens keys renew --countersign {name} --root ... --key ..."
        )
    else:
        typer.echo(
            f"Wrote {name}. Put it into the folder metadata/ of the update repository; the publisher takes it up."
        )


def _list(paths: list[Path]) -> None:
    for path in paths:
        typer.echo(f"  {path}")


def _refuse(message: str) -> NoReturn:
    typer.echo(message, err=True)
    raise typer.Exit(1)
