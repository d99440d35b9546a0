"""What an operator and a container engine call: `wastelens prepare` and `wastelens health`."""

import socket
from typing import TYPE_CHECKING, Annotated, Literal

import httpx
import typer

from backend.settings import Settings

if TYPE_CHECKING:
    from backend.first_start import FirstStart


def prepare() -> None:
    """Migrate the database and make what a first start needs; safe to repeat.

    Example: WASTELENS_DATABASE_URL=postgresql+psycopg://... wastelens prepare
    """
    settings = Settings()
    prepared = first_start(settings)
    typer.echo("Database, update repository and bundled release are ready.")
    if prepared.administrator_password is not None:
        typer.echo(f"First sign-in: {settings.administrator}, password {prepared.administrator_password}")


def first_start(settings: Settings) -> "FirstStart":
    """Make what a first start needs, or end with a message that says what people have to do."""
    from backend import first_start as steps  # noqa: PLC0415  # --help must not wait for the database library.
    from mobile_models.updates.keys.signing_keys import KeyProblem  # noqa: PLC0415

    try:
        return steps.prepare(settings)
    except (KeyProblem, steps.BadRelease, FileNotFoundError) as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(1) from error


def health(
    part: Annotated[Literal["server", "worker", "schedule"], typer.Argument(help="What runs on this host.")],
) -> None:
    """Exit 0 if the server or worker on this host answers, else say why and exit 1.

    A schedule cannot be asked, nor can a worker on the queue without a server: there it counts that both of them have
    swept lately.

    Example: wastelens health server
    """
    settings = Settings()
    checks = {"server": _server_problem, "worker": _worker_problem, "schedule": _sweep_problem}
    problem = checks[part](settings)
    if problem is not None:
        typer.echo(problem, err=True)
        raise typer.Exit(1)
    typer.echo("ok")


def _server_problem(settings: Settings) -> str | None:
    try:
        answer = httpx.get(f"http://127.0.0.1:{settings.port}/readyz", timeout=4)
    except httpx.HTTPError as error:
        return f"The server does not answer on port {settings.port}: {error}"
    return None if answer.is_success else f"The server is not ready: {answer.text}"


def _worker_problem(settings: Settings) -> str | None:
    from kombu.exceptions import OperationalError  # noqa: PLC0415  # The server's check must not import Celery.

    from workers.celery_app import app  # noqa: PLC0415

    if not app.conf.worker_enable_remote_control:
        return _sweep_problem(settings)
    name = f"celery@{socket.gethostname()}"
    try:
        answers = app.control.ping(destination=[name], timeout=10)
    except OperationalError as error:
        return f"The queue cannot be reached: {error}"
    return None if answers else f"The worker {name} does not answer on the queue"


def _sweep_problem(settings: Settings) -> str | None:
    from sqlalchemy.exc import SQLAlchemyError  # noqa: PLC0415  # --help must not wait for the database library.

    from backend import database  # noqa: PLC0415
    from workers import upkeep  # noqa: PLC0415

    engine = database.connect(settings.resolved_database_url)
    try:
        with database.transaction(engine) as session:
            return upkeep.sweep_problem(session, settings)
    except SQLAlchemyError as error:
        return f"The database cannot be read: {error}"
    finally:
        engine.dispose()
