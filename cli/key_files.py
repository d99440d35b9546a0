"""What the commands about keys are given: metadata files, keys in files or behind URIs, and the update repository.

Guarantees: what cannot be read is said in one sentence on standard error, and the exit status is 1.
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

if TYPE_CHECKING:
    from obstore.store import ObjectStore
    from securesystemslib.signer import Key, Signer

KEY = Annotated[
    list[str],
    typer.Option(
        help="Private key: a file, or the URI of one in hardware or a key service (hsm:, awskms:, gcpkms: ...)."
    ),
]
ROOT = Annotated[
    list[Path], typer.Option(exists=True, dir_okay=False, help="The newest root.json, and one that is to replace it.")
]
METADATA = Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="A root.json or targets.json.")]
REPOSITORY = Annotated[str, typer.Option(help="The update repository; empty: that of the settings.")]
KEYS_DIR = Annotated[Path | None, typer.Option(help="The publisher's folder of keys; empty: that of the settings.")]


@contextmanager
def problems_in_words() -> Iterator[None]:
    """End with exit status 1 and the sentence of what is wrong."""
    from mobile_models.updates.keys.signing_keys import KeyProblem  # noqa: PLC0415
    from mobile_models.updates.publishing.repository_files import RepositoryBusy, RepositoryInvalid  # noqa: PLC0415
    from mobile_models.updates.staged_targets import SignatureRefused  # noqa: PLC0415

    try:
        yield
    except (KeyProblem, SignatureRefused, RepositoryBusy, RepositoryInvalid, FileExistsError, ValueError) as error:
        refuse(str(error))


def open_keys(references: Iterable[str], known: Sequence["Key"]) -> list["Signer"]:
    """Open private keys; one behind a URI must be among `known`. Raise `KeyProblem` if one cannot be had."""
    from mobile_models.updates.keys import signers  # noqa: PLC0415  # --help must not wait for cryptography.

    return [signers.load(reference, known, signers.ask_at_the_terminal) for reference in references]


def open_repository(repository: str) -> "ObjectStore":
    """Open a folder, `s3://bucket/prefix`, or what the settings say."""
    from backend.intake import photo_store  # noqa: PLC0415
    from backend.settings import Settings  # noqa: PLC0415

    settings = Settings()
    is_url = "://" in repository
    if repository and not is_url and not Path(repository).is_dir():
        refuse(f"{repository} is no folder; name that of the update repository, or s3://bucket/prefix")
    url = repository if is_url else Path(repository).resolve().as_uri()
    return photo_store.open_store(settings, url if repository else settings.resolved_updates_url)


def publisher_keys(keys_dir: Path | None) -> Path:
    from backend.settings import Settings  # noqa: PLC0415

    return keys_dir or Settings().resolved_keys_dir


def write_new(file: Path, content: bytes) -> None:
    """Replace `file` whole."""
    partial = file.with_name(f"{file.name}.partial")
    partial.write_bytes(content)
    partial.replace(file)


def write_metadata(content: bytes, roots: list[bytes], before: bytes) -> None:
    """Write a new file into this folder, and say what it changes and what comes next."""
    from mobile_models.updates.keys import offline_metadata  # noqa: PLC0415

    name = Path(offline_metadata.file_name(content))
    if name.exists():
        refuse(f"{name} is here already; work in an empty folder, or go on with `wastelens keys sign {name}`")
    for line in offline_metadata.describe(content, before):
        typer.echo(line)
    write_new(name, content)
    next_step(name, offline_metadata.missing_signatures(content, roots))


def next_step(file: Path, missing: int) -> None:
    """Say who is next."""
    if missing:
        typer.echo(f"Wrote {file}. It needs {missing} more: wastelens keys sign {file} --root ... --key ...")
    else:
        typer.echo(f"Wrote {file}. All have signed it; on the publisher's host: wastelens keys publish {file}")


def refuse(message: str) -> NoReturn:
    typer.echo(message, err=True)
    raise typer.Exit(1)
