"""`wastelens staff`: people, for the operator on the server's host, and signing in from anywhere."""

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from backend.settings import Settings
from cli.server import SERVER, Server

if TYPE_CHECKING:
    from sqlmodel import Session

app = typer.Typer(no_args_is_help=True, help="People who review, train and release.")
_OPERATOR = "operator"


@app.command()
def add(
    name: Annotated[str, typer.Argument(help="Name to sign in with.")],
    role: Annotated[str, typer.Option(help="reviewer, engineer, guide_editor, auditor or administrator.")] = "reviewer",
    area: Annotated[
        list[str] | None, typer.Option(help="A place that they work in; once for each. Without it: everywhere.")
    ] = None,
) -> None:
    """Add somebody, straight in the database of this host, with a password that is shown once.

    Example: wastelens staff add ada --role engineer --area Northside --area "Old Town"
    """
    from backend.people import staff  # noqa: PLC0415  # --help must not wait for the database library.
    from backend.tables import Role  # noqa: PLC0415

    if role not in list(Role):
        _refuse(f"The role must be one of {', '.join(Role)}.")
    password = secrets.token_urlsafe(15)
    with _session() as session:
        person = staff.add(session, name, Role(role), password, by=_OPERATOR, areas=area or None)
    typer.echo(f"{person.name} is {person.role}. Password, shown this once: {password}")


@app.command()
def reset_password(name: Annotated[str, typer.Argument(help="Who has lost a password.")]) -> None:
    """Give somebody a new password, which is shown once, and end all sessions of that person.

    Example: wastelens staff reset-password ada
    """
    from backend.people import staff  # noqa: PLC0415

    password = secrets.token_urlsafe(15)
    with _session() as session:
        staff.set_password(session, name, password, by=_OPERATOR)
    typer.echo(f"New password of {name}, shown this once: {password}")


@app.command()
def reset_factors(name: Annotated[str, typer.Argument(help="Who has lost phone and backup codes.")]) -> None:
    """Take away somebody's second factor and passkeys, and end all sessions of that person.

    Example: wastelens staff reset-factors ada
    """
    from backend.people import passkeys, second_factor, staff  # noqa: PLC0415

    with _session() as session:
        person = staff.called(session, name)
        second_factor.remove(session, person.id, by=_OPERATOR)
        passkeys.remove_all(session, person.id, by=_OPERATOR)
        staff.end_everything(session, person.id)
    typer.echo(f"{name} signs in with the password alone, and can set up another second factor.")


@app.command()
def sign_in(
    name: Annotated[str, typer.Argument(help="Your name.")],
    server: SERVER = "http://127.0.0.1:8000",
    password: Annotated[str, typer.Option(prompt=True, hide_input=True, envvar="WASTELENS_PASSWORD")] = "",
    code: Annotated[str, typer.Option(help="Of your second factor, if you have one.")] = "",
) -> None:
    """Print a token for the commands that talk to a server; it ends after some hours.

    Example: export WASTELENS_TOKEN=$(wastelens staff sign-in ada --server https://waste.example)
    """
    with Server(server) as connection:
        typer.echo(connection.post("/v1/staff/sign-in", {"name": name, "password": password, "code": code})["token"])


@contextmanager
def _session() -> Iterator["Session"]:
    from backend import database  # noqa: PLC0415
    from backend.errors import DomainError  # noqa: PLC0415

    engine = database.connect(Settings().resolved_database_url)
    try:
        with database.transaction(engine) as session:
            yield session
    except DomainError as error:
        _refuse(error.detail)
    finally:
        engine.dispose()


def _refuse(message: str) -> None:
    typer.echo(message, err=True)
    raise typer.Exit(1)
