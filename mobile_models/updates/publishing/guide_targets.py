"""The part of a change that brings the cities' guides: files beside the pointers, which `channels` signs too.

Guarantees: what is published under a city's name is a guide of that city that phones can read; another one is left out
with its reason, and the one of before stays. A guide needs no new model and no key that is not online.
"""

from collections.abc import Mapping

from tuf.api.metadata import TargetFile

from mobile_models.document import Sha256, sha256
from mobile_models.updates import guide_file
from mobile_models.updates.publishing import repository_files
from mobile_models.updates.publishing.repository_edit import RepositoryEdit


def bring(edit: RepositoryEdit, wanted: Mapping[str, bytes] | None) -> tuple[dict[str, TargetFile], dict[str, str]]:
    """Write the guides that differ; return what `channels` should say, and why others are left out.

    None: they stay as they are.
    """
    published = of(edit.chain.channels.signed.targets)
    if wanted is None:
        return published, {}
    files: dict[str, TargetFile] = {}
    refused: dict[str, str] = {}
    for city, content in wanted.items():
        path = guide_file.target_path(city)
        try:
            files[path] = _bring(edit, city, content)
        except ValueError as error:
            refused[city] = str(error)
            if path in published:
                files[path] = published[path]
    return files, refused


def of(files: Mapping[str, TargetFile]) -> dict[str, TargetFile]:
    """Return the guides among what `channels` signs."""
    return {path: target for path, target in files.items() if path.startswith(guide_file.FOLDER)}


def digests(files: Mapping[str, TargetFile]) -> dict[str, Sha256]:
    """Return each city with the digest of its guide."""
    return {
        path.removeprefix(guide_file.FOLDER).removesuffix(".json"): Sha256(target.hashes["sha256"])
        for path, target in files.items()
    }


def _bring(edit: RepositoryEdit, city: str, content: bytes) -> TargetFile:
    guide_file.check(city, content)
    path = guide_file.target_path(city)
    target = TargetFile(len(content), {"sha256": sha256(content)}, path)
    if not repository_files.has_target(edit.store, target):
        repository_files.put_target(edit.store, target, content)
    return target
