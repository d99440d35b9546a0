"""`wastelens keys rotate` and `wastelens keys publish`: new keys for old, rehearsed, and made to count."""

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli.key_files import (
    KEY,
    KEYS_DIR,
    REPOSITORY,
    ROOT,
    open_keys,
    open_repository,
    problems_in_words,
    publisher_keys,
    refuse,
    write_metadata,
)

if TYPE_CHECKING:
    from securesystemslib.signer import Key

    from mobile_models.updates.update_roles import UpdateRole


def rotate(  # noqa: PLR0913, PLR0917  # Each is an option that a person gives by name.
    role: Annotated[list[str], typer.Argument(help="root, targets, snapshot, timestamp, or channels alone.")],
    root: ROOT,
    key: KEY = [],  # noqa: B006  # Typer copies it.
    targets: Annotated[Path | None, typer.Option(exists=True, help="The newest targets.json, for channels.")] = None,
    add: Annotated[list[Path], typer.Option(exists=True, help="Public half of a key that joins.")] = [],  # noqa: B006
    remove: Annotated[list[str], typer.Option(help="Id or public half of a key that leaves.")] = [],  # noqa: B006
    threshold: Annotated[int | None, typer.Option(min=1, help="Signatures that the role needs from now on.")] = None,
    rehearse: Annotated[
        bool, typer.Option("--rehearse", help="Try it on a copy of the repository; write nothing.")
    ] = False,
    repository: REPOSITORY = "",
    keys_dir: KEYS_DIR = None,
) -> None:
    """Replace a lost or stolen key, add a person, or change how many must sign.

    Example: wastelens keys rotate snapshot timestamp --root 1.root.json --add new.pub --remove old.pub --key root-1.pem
    """
    with problems_in_words():
        roots = [each.read_bytes() for each in root]
        before = _changed_by(role, roots, targets)
        content = _changed(role, before, add, remove, threshold)
        content = _signed(content, roots, key)
        if rehearse:
            _rehearse(repository, keys_dir, content)
        else:
            write_metadata(content, roots, before)


def publish(
    file: Annotated[
        list[Path], typer.Argument(exists=True, dir_okay=False, help="Signed root.json, targets.json or both.")
    ],
    rehearse: Annotated[
        bool, typer.Option("--rehearse", help="Try it on a copy of the repository; change nothing.")
    ] = False,
    repository: REPOSITORY = "",
    keys_dir: KEYS_DIR = None,
) -> None:
    """Give signed metadata to the update repository, on the publisher's host, and publish it at once.

    Example: wastelens keys publish 2.root.json --rehearse
    """
    from mobile_models.updates.keys import signing_keys  # noqa: PLC0415
    from mobile_models.updates.publishing import pending_metadata  # noqa: PLC0415
    from mobile_models.updates.publishing import repository as updates  # noqa: PLC0415

    contents = [each.read_bytes() for each in file]
    with problems_in_words():
        if rehearse:
            _rehearse(repository, keys_dir, *contents)
            return
        store, keys = open_repository(repository), signing_keys.load(publisher_keys(keys_dir))
        pending_metadata.hand_in(store, *contents)
        outcome = updates.reconcile(store, keys, lambda: updates.as_published(store))
        if pending_metadata.waits(store):
            refuse(f"Handed in, and not published yet: {'; '.join(outcome.warnings)}")
    typer.echo("Published. Phones take it up the next time they look.")


def _rehearse(repository: str, keys_dir: Path | None, *contents: bytes) -> None:
    from mobile_models.updates.keys import signing_keys  # noqa: PLC0415
    from mobile_models.updates.publishing import rehearsal  # noqa: PLC0415

    keys = signing_keys.load(publisher_keys(keys_dir))
    found = rehearsal.rehearse(open_repository(repository), keys, *contents)
    typer.echo(f"Rehearsed on a copy: root {found.root_version}, targets {found.targets_version}.")
    for phone in found.phones:
        typer.echo(f"  {phone} comes through")
    typer.echo(f"  {found.releases} releases verify to the byte. The repository itself was not touched.")


def _changed_by(names: list[str], roots: list[bytes], targets: Path | None) -> bytes:
    """Return the newest of the file that names the keys of these roles."""
    from mobile_models.updates.keys import offline_metadata  # noqa: PLC0415

    if names != ["channels"]:
        return max(roots, key=lambda content: offline_metadata.parse_root(content).signed.version)
    if targets is None:
        refuse("the key of channels is named by targets.json; give the newest one as --targets")
    return targets.read_bytes()


def _changed(names: list[str], before: bytes, add: list[Path], remove: list[str], threshold: int | None) -> bytes:
    from mobile_models.updates.keys import rotation  # noqa: PLC0415

    changes = [rotation.KeyChange(role, _public(add), _ids(remove), threshold) for role in _roles(names)]
    moment = datetime.now(UTC)
    if names == ["channels"]:
        return rotation.new_targets(before, changes[0], moment)
    return rotation.new_root(before, changes, moment)


def _signed(content: bytes, roots: list[bytes], key: list[str]) -> bytes:
    from mobile_models.updates.keys import offline_metadata  # noqa: PLC0415

    return offline_metadata.sign(content, roots, open_keys(key, offline_metadata.may_sign(content, roots)))


def _roles(names: list[str]) -> "list[UpdateRole]":
    from mobile_models.updates.update_roles import UpdateRole  # noqa: PLC0415

    if unknown := set(names) - set(UpdateRole):
        raise ValueError(f"there is no role {', '.join(sorted(unknown))}; there are {', '.join(UpdateRole)}")
    return [UpdateRole(name) for name in names]


def _public(files: list[Path]) -> "tuple[Key, ...]":
    from mobile_models.updates.keys import signers  # noqa: PLC0415

    return tuple(signers.load_public(file) for file in files)


def _ids(references: list[str]) -> tuple[str, ...]:
    """A key that leaves is named by its public half or by its id."""
    from mobile_models.updates.keys import signers  # noqa: PLC0415

    return tuple(signers.load_public(Path(each)).keyid if Path(each).is_file() else each for each in references)
