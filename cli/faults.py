"""What goes wrong in a command that trains or measures, said in one sentence.

Guarantees: a fault of the input, the disk or the trainer ends with exit status 2 and what to do, never a stack trace.
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

import typer

INTERRUPTED = 130


@contextmanager
def in_a_sentence(command: str) -> Iterator[None]:
    from training.child import TrainerFailed  # noqa: PLC0415  # --help must not wait for it.
    from training.dataset import DataError  # noqa: PLC0415
    from training.recipe import RecipeError  # noqa: PLC0415
    from training.run_directory import RunLocked  # noqa: PLC0415

    try:
        yield
    except (DataError, RecipeError, RunLocked, TrainerFailed) as error:
        raise failed(command, str(error)) from error
    except OSError as error:
        raise failed(command, f"{error.filename or 'The disk'}: {error.strerror or error}.") from error


def failed(command: str, message: str) -> typer.Exit:
    print(f"wastelens {command}: {message}", file=sys.stderr)
    return typer.Exit(2)


def interrupted(command: str, how_to_go_on: str) -> typer.Exit:
    print(f"\nwastelens {command}: interrupted. {how_to_go_on}", file=sys.stderr)
    return typer.Exit(INTERRUPTED)
