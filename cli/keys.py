"""`wastelens keys`: the signing keys of the update repository, and the metadata that people sign with them."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli.key_files import KEY, METADATA, ROOT, next_step, open_keys, problems_in_words, write_metadata, write_new
from cli.key_rotation import publish, rotate

if TYPE_CHECKING:
    from securesystemslib.signer import Key

    from mobile_models.updates.keys.signing_keys import KeyFile
    from mobile_models.updates.update_roles import UpdateRole

app = typer.Typer(no_args_is_help=True, help="Signing keys of the update repository: make, renew, rotate, sign.")
app.command()(rotate)
app.command()(publish)


@app.command()
def init(
    directory: Annotated[Path, typer.Argument(help="New folder for the keys.")],
    targets_keys: Annotated[
        int | None, typer.Option(min=0, max=20, help="Keys to make that may sign models, one a person.")
    ] = None,
    targets_threshold: Annotated[int, typer.Option(min=1, max=20, help="Signatures that a model needs.")] = 1,
    root_keys: Annotated[int | None, typer.Option(min=0, max=20, help="Keys to make that may change keys.")] = None,
    root_threshold: Annotated[int, typer.Option(min=1, max=20, help="Signatures that a change of keys needs.")] = 1,
    public_key: Annotated[
        list[str], typer.Option(help="ROLE=FILE: public half of a key of root or targets that somebody has already.")
    ] = [],  # noqa: B006  # Typer copies it.
) -> None:
    """Make the keys of a new update repository, and say which of them to keep offline.

    Example: wastelens keys init keys/ --targets-keys 2 --targets-threshold 2
    """
    from mobile_models.updates.keys import signing_keys  # noqa: PLC0415  # --help must not wait for cryptography.
    from mobile_models.updates.update_roles import UpdateRole  # noqa: PLC0415

    with problems_in_words():
        brought = _brought(public_key)
        wanted = {
            role: (0 if role in brought else 1) if count is None else count
            for role, count in ((UpdateRole.ROOT, root_keys), (UpdateRole.TARGETS, targets_keys))
        }
        written = signing_keys.init(
            directory,
            root_keys=wanted[UpdateRole.ROOT],
            root_threshold=root_threshold,
            targets_keys=wanted[UpdateRole.TARGETS],
            targets_threshold=targets_threshold,
            brought=brought,
        )
        unsigned = signing_keys.first_unsigned(directory)
    _tell([key for key in written if key.keep_offline], [key for key in written if not key.keep_offline])
    root = directory / "online" / "root.json"
    for file, missing in unsigned.items():
        typer.echo(f"{file} needs {missing} more: wastelens keys sign {file} --root {root} --key ...")
    typer.echo(f"Build this public file into apps: {root}" + (", once it is signed" if root in unsigned else ""))
    if targets_threshold > 1:
        typer.echo(f"A release is published once {targets_threshold} people have signed it:")
        typer.echo("  wastelens releases sign VERSION --key FILE")


@app.command()
def new(
    file: Annotated[Path, typer.Argument(help="New file for the private key; NAME.pub beside it is its public half.")],
) -> None:
    """Make one key, for somebody who joins or in place of one that was lost.

    Example: wastelens keys new targets-3.pem
    """
    from mobile_models.updates.keys import signing_keys  # noqa: PLC0415

    with problems_in_words():
        key = signing_keys.generate(file)
    typer.echo(f"Wrote {file}, to be kept by its holder alone, and {file.with_suffix('.pub')}. Its id is {key.keyid}.")


@app.command()
def renew(
    file: METADATA,
    root: ROOT,
    key: KEY,
    number: Annotated[
        int | None, typer.Option(min=2, help="Where the publisher says that the next one is taken.")
    ] = None,
) -> None:
    """Sign root or targets for another year, on a computer that stays offline.

    Example: wastelens keys renew 4.targets.json --root 1.root.json --key targets-1.pem
    """
    from mobile_models.updates.keys import offline_metadata, renewal  # noqa: PLC0415

    with problems_in_words():
        content, roots = file.read_bytes(), [each.read_bytes() for each in root]
        signers = open_keys(key, offline_metadata.may_sign(content, roots))
        write_metadata(renewal.renew(content, roots, signers, number=number), roots, content)


@app.command()
def sign(
    file: METADATA,
    root: ROOT,
    key: KEY,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Add a signature to a root.json or targets.json that somebody else has begun.

    Example: wastelens keys sign 2.root.json --root 1.root.json --key root-2.pem
    """
    from mobile_models.updates.keys import offline_metadata  # noqa: PLC0415

    with problems_in_words():
        content, roots = file.read_bytes(), [each.read_bytes() for each in root]
        for line in offline_metadata.describe(content, _earlier(content, roots)):
            typer.echo(line)
        if not yes:
            typer.confirm("Sign this?", abort=True)
        signers = open_keys(key, offline_metadata.may_sign(content, roots))
        signed = offline_metadata.sign(content, roots, signers)
        write_new(file, signed)
        next_step(file, offline_metadata.missing_signatures(signed, roots))


def _earlier(content: bytes, roots: list[bytes]) -> bytes | None:
    """The root that a new root replaces, if it was given."""
    from mobile_models.updates.keys import offline_metadata  # noqa: PLC0415

    version = offline_metadata.parse(content).signed.version
    found = (root for root in roots if offline_metadata.parse_root(root).signed.version == version - 1)
    return next(found, None) if offline_metadata.parse(content).signed.type == "root" else None


def _brought(given: list[str]) -> "dict[UpdateRole, list[Key]]":
    from mobile_models.updates.keys import signers  # noqa: PLC0415
    from mobile_models.updates.update_roles import UpdateRole  # noqa: PLC0415

    brought: dict[UpdateRole, list[Key]] = {}
    for each in given:
        name, _, file = each.partition("=")
        if name not in {UpdateRole.ROOT, UpdateRole.TARGETS} or not file:
            raise ValueError(f"{each} is not root=FILE or targets=FILE")
        brought.setdefault(UpdateRole(name), []).append(signers.load_public(Path(file)))
    return brought


def _tell(offline: "list[KeyFile]", online: "list[KeyFile]") -> None:
    typer.echo("Keep these offline, each where only its holder can reach it. No server needs them:")
    for key in offline:
        typer.echo(f"  {key.path}")
    typer.echo("The publisher needs these, with the two .json files beside them (WASTELENS_KEYS_DIR):")
    for key in online:
        typer.echo(f"  {key.path}")
