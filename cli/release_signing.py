"""`wastelens releases sign`: a person's signature of a release, at the desk or on a computer that stays offline.

Guarantees: what is signed is shown in words first. A key never leaves the machine that it is on. Offline, a staged file
comes on a stick and a signature goes back; it counts for that file alone.
"""

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from cli.key_files import open_keys, problems_in_words, refuse, write_new
from cli.server import LOCAL, SERVER, TOKEN, Server

MAY_VERSION = Annotated[int | None, typer.Argument(help="Version of the release; not needed with --staged.", min=1)]
VERSION = Annotated[int, typer.Argument(help="Version of the release.", min=1)]
OUTPUT = Annotated[Path, typer.Option(help="File to write.")]
OLDER = typer.Option(exists=True, dir_okay=False, help="The published targets.json, to be told what joins and leaves.")


def sign(  # noqa: PLR0913, PLR0917  # Each is an option that a person gives by name.
    key: Annotated[str, typer.Option(help="Your private key of `targets`, a file or a URI; it stays on this machine.")],
    version: MAY_VERSION = None,
    staged: Annotated[Path | None, typer.Option(exists=True, dir_okay=False, help="Sign this file, offline.")] = None,
    root: Annotated[Path | None, typer.Option(exists=True, dir_okay=False, help="The newest root.json.")] = None,
    published: Annotated[Path | None, OLDER] = None,
    output: Annotated[Path | None, typer.Option(help="Write the signature here; needed with --staged.")] = None,
    server: SERVER = LOCAL,
    token: TOKEN = "",
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Sign a release that awaits signatures, with a key that no server sees.

    Example: wastelens releases sign 2 --key targets-1.pem
    """
    known, before = (None if file is None else file.read_bytes() for file in (root, published))
    if staged is not None:
        if output is None:
            refuse("Say with --output where to write the signature, which `releases add-signature` sends in.")
        signature = _signed(staged.read_bytes(), before, known, key, yes)
        write_new(output, json.dumps(signature).encode())
        typer.echo(f"Wrote {output}. Where there is a network: wastelens releases add-signature VERSION {output}")
        return
    if version is None:
        refuse("Say which release to sign, or give its file with --staged.")
    with Server(server, token) as connection:
        content = connection.get_bytes(f"/v1/releases/{version}/staged")
        signature = _signed(content, before or _published(connection), known or _newest_root(connection), key, yes)
        _send(connection, version, signature)


def fetch_staged(version: VERSION, output: OUTPUT, server: SERVER = LOCAL, token: TOKEN = "") -> None:
    """Fetch what a release asks people to sign, to carry it to a computer that stays offline.

    Example: wastelens releases fetch-staged 2 --output staged.json
    """
    with Server(server, token) as connection:
        write_new(output, connection.get_bytes(f"/v1/releases/{version}/staged"))
    typer.echo(f"Wrote {output}. Offline: wastelens releases sign --staged {output} --key ... --output signature.json")


def add_signature(
    version: VERSION,
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="What `sign --staged` wrote.")],
    server: SERVER = LOCAL,
    token: TOKEN = "",
) -> None:
    """Send in a signature that was made offline.

    Example: wastelens releases add-signature 2 signature.json
    """
    with problems_in_words():
        signature = json.loads(file.read_bytes())
    with Server(server, token) as connection:
        _send(connection, version, signature)


def _signed(staged: bytes, published: bytes | None, root: bytes | None, key: str, yes: bool) -> dict[str, Any]:
    from mobile_models.updates import staged_targets  # noqa: PLC0415  # --help must not wait.
    from mobile_models.updates.keys import offline_metadata  # noqa: PLC0415  # --help must not wait.

    with problems_in_words():
        if published is not None and root is not None:
            offline_metadata.check_published(published, root)
        typer.echo("You are asked to sign that phones may be given these releases, and no others:")
        for line in offline_metadata.describe(staged, published):
            typer.echo(line)
        if published is None:
            typer.echo("  (with --published, the targets.json of now, you are told which of them join and leave)")
        typer.echo(f"Digest of what is signed: {staged_targets.staged_sha256(staged)}")
        if not yes:
            typer.confirm("Sign this list?", abort=True)
        known = [] if root is None else offline_metadata.may_sign(staged, [root])
        [signer] = open_keys([key], known)
        if known and signer.public_key.keyid not in {each.keyid for each in known}:
            refuse(f"Not signed: key {signer.public_key.keyid} may not sign targets; use one that the root names.")
        return vars(staged_targets.sign_staged(staged, signer))


def _send(connection: Server, version: int, signature: dict[str, Any]) -> None:
    connection.post(f"/v1/releases/{version}/signatures", signature)
    typer.echo(f"Signed with key {signature['key_id']}. The release is published once enough people have signed.")


def _published(connection: Server) -> bytes | None:
    """Return the list of models that is published now, as the server says; a person signs what was shown in full."""
    timestamp = connection.find_json("/updates/metadata/timestamp.json")
    if timestamp is None:
        return None
    number = timestamp["signed"]["meta"]["snapshot.json"]["version"]
    snapshot = connection.find_json(f"/updates/metadata/{number}.snapshot.json")
    number = 0 if snapshot is None else snapshot["signed"]["meta"]["targets.json"]["version"]
    return connection.find_bytes(f"/updates/metadata/{number}.targets.json")


def _newest_root(connection: Server) -> bytes | None:
    """Return the root that says whose signatures count, to find a key by; None where a bucket serves the updates."""
    found, version = None, 1
    while (newer := connection.find_bytes(f"/updates/metadata/{version}.root.json")) is not None:
        found, version = newer, version + 1
    return found
