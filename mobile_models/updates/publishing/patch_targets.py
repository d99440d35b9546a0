"""The part of a change that brings patches: files beside the pointers, which `channels` signs too.

Guarantees: a patch that cannot be had, or is not what it is said to be, is left out and holds up nothing: phones then
take the whole model.
"""

from collections.abc import Iterable

from tuf.api.metadata import TargetFile

from mobile_models.document import sha256
from mobile_models.updates.publishing import repository_files
from mobile_models.updates.publishing.desired_state import DesiredPatch
from mobile_models.updates.publishing.repository_edit import RepositoryEdit

FOLDER = "patches/"


def bring(edit: RepositoryEdit, wanted: Iterable[DesiredPatch]) -> tuple[dict[str, TargetFile], dict[str, str]]:
    """Write the files that are not published yet; return what `channels` should say, and why others are left out."""
    files: dict[str, TargetFile] = {}
    refused: dict[str, str] = {}
    for patch in wanted:
        try:
            files[patch.path] = _bring(edit, patch)
        except (ValueError, FileNotFoundError) as error:
            refused[patch.path] = str(error)
    return files, refused


def _bring(edit: RepositoryEdit, patch: DesiredPatch) -> TargetFile:
    if not patch.path.startswith(FOLDER):
        raise ValueError(f"a patch lies below {FOLDER}, and {patch.path} does not")
    target = TargetFile(patch.length, {"sha256": patch.sha256}, patch.path)
    if edit.chain.channels.signed.targets.get(patch.path) == target or repository_files.has_target(edit.store, target):
        return target
    content = patch.read()
    if len(content) != patch.length or sha256(content) != patch.sha256:
        raise ValueError("it is not the file that was made")
    repository_files.put_target(edit.store, target, content)
    return target
