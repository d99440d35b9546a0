"""`wastelens releases`: look at releases, approve, halt and withdraw them, and sign them with a key of one's own."""

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from cli.server import SERVER, TOKEN, Server

app = typer.Typer(no_args_is_help=True, help="Releases: approve, roll out, halt, withdraw, sign.")

LOCAL = "http://127.0.0.1:8000"
VERSION = Annotated[int, typer.Argument(help="Version of the release.", min=1)]
REASON = Annotated[str, typer.Option(help="Why; kept for ever.")]
PERCENT = Annotated[float, typer.Option(help="Share of the phones, in percent.", min=0.01, max=100)]


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
            release["state"],
            f"{release['rollout_percent']:g} %",
            f"{release['manifest']['evaluation']['accuracy']:.3f}",
            release["blessing"]["verdict"] + (" (no champion)" if release["blessing"]["rubber_stamped"] else ""),
            f"{release['approvals']} of {release['approvals_needed']}",
            str(len(release["signed_by"])),
        )
    Console().print(table)


@app.command()
def approve(
    version: VERSION, percent: PERCENT = 5, reason: REASON = "", server: SERVER = LOCAL, token: TOKEN = ""
) -> None:
    """Approve a proposed release for a share of the phones.

    Example: wastelens releases approve 2 --percent 5 --reason "better on trash"
    """
    _act(server, token, version, "approve", {"rollout_percent": percent, "reason": reason})


@app.command()
def widen(version: VERSION, percent: PERCENT, reason: REASON = "", server: SERVER = LOCAL, token: TOKEN = "") -> None:
    """Offer a release to more phones; 100 makes it the current one.

    Example: wastelens releases widen 2 --percent 100
    """
    _act(server, token, version, "widen", {"rollout_percent": percent, "reason": reason})


@app.command()
def halt(version: VERSION, reason: REASON, server: SERVER = LOCAL, token: TOKEN = "") -> None:
    """Offer a release to nobody; phones go back to the one before.

    Example: wastelens releases halt 2 --reason "glass goes wrong"
    """
    _act(server, token, version, "halt", {"reason": reason})


@app.command()
def resume(version: VERSION, reason: REASON, server: SERVER = LOCAL, token: TOKEN = "") -> None:
    """Offer a halted release again.

    Example: wastelens releases resume 2 --reason "it was the camera"
    """
    _act(server, token, version, "resume", {"reason": reason})


@app.command()
def withdraw(version: VERSION, reason: REASON, server: SERVER = LOCAL, token: TOKEN = "") -> None:
    """Take a release back for ever.

    Example: wastelens releases withdraw 2 --reason "glass goes wrong"
    """
    _act(server, token, version, "withdraw", {"reason": reason})


@app.command()
def sign(
    version: VERSION,
    key: Annotated[Path, typer.Option(help="Your private key of `targets`; it never leaves this machine.")],
    server: SERVER = LOCAL,
    token: TOKEN = "",
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Sign a release that awaits signatures, with a key that no server sees.

    Example: wastelens releases sign 2 --key targets-1.pem
    """
    from mobile_models.updates import repository, signing_keys  # noqa: PLC0415  # --help must not wait for cryptography.
    from mobile_models.updates.staged_targets import SignatureRefused  # noqa: PLC0415

    with Server(server, token) as connection:
        staged = connection.get_bytes(f"/v1/releases/{version}/staged")
        try:
            _show(version, repository.releases_in_staged(staged), repository.staged_sha256(staged))
            if not yes:
                typer.confirm("Sign this list?", abort=True)
            signature = repository.sign_staged(staged, signing_keys.load_signer(key))
        except (SignatureRefused, signing_keys.KeyProblem) as error:
            typer.echo(f"Not signed: {error}", err=True)
            raise typer.Exit(1) from None
        connection.post(f"/v1/releases/{version}/signatures", vars(signature))
    typer.echo(f"Signed with key {signature.key_id}. The release is published once enough people have signed.")


def _show(version: int, releases: dict[int, Any], digest: str) -> None:
    typer.echo("You are asked to sign that phones may be given these releases, and no others:")
    for each, manifest in sorted(releases.items()):
        typer.echo(f"  release {each}, manifest {manifest}{'  <- new' if each == version else ''}")
    typer.echo(f"Digest of what is signed: {digest}")


def _act(server: str, token: str, version: int, act: str, body: dict[str, Any]) -> None:
    with Server(server, token) as connection:
        release = connection.post(f"/v1/releases/{version}/{act}", body)
    approvals = f", approvals {release['approvals']} of {release['approvals_needed']}" if act == "approve" else ""
    typer.echo(f"Release {version} is {release['state']} at {release['rollout_percent']:g} % of the phones{approvals}.")
