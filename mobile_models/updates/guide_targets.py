"""The part of a change that brings the cities' guides: files beside the pointers, which `channels` signs too.

Guarantees: what is published under a city's name is a guide of that city that phones can read; another one is left out
with its reason, and the one of before stays. A guide needs no new model and no key that is not online.
"""

from collections.abc import Mapping

from pydantic import ValidationError
from tuf.api.metadata import TargetFile

from mobile_models.document import Sha256, sha256
from mobile_models.guide import SIZE_LIMIT_BYTES, Guide
from mobile_models.updates import repository_files
from mobile_models.updates.repository_edit import RepositoryEdit

FOLDER = "guides/"


def target_path(city: str) -> str:
    return f"{FOLDER}{city}.json"


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
        path = target_path(city)
        try:
            files[path] = _bring(edit, city, content)
        except ValueError as error:
            refused[city] = str(error)
            if path in published:
                files[path] = published[path]
    return files, refused


def of(files: Mapping[str, TargetFile]) -> dict[str, TargetFile]:
    """Return the guides among what `channels` signs."""
    return {path: target for path, target in files.items() if path.startswith(FOLDER)}


def digests(files: Mapping[str, TargetFile]) -> dict[str, Sha256]:
    """Return each city with the digest of its guide."""
    return {
        path.removeprefix(FOLDER).removesuffix(".json"): Sha256(target.hashes["sha256"])
        for path, target in files.items()
    }


def _bring(edit: RepositoryEdit, city: str, content: bytes) -> TargetFile:
    check(city, content)
    path = target_path(city)
    target = TargetFile(len(content), {"sha256": sha256(content)}, path)
    if not repository_files.has_target(edit.store, target):
        repository_files.put_target(edit.store, target, content)
    return target


def check(city: str, content: bytes) -> Guide:
    """Return the guide; raise `ValueError` unless it is one of this city that phones take."""
    if len(content) > SIZE_LIMIT_BYTES:
        raise ValueError(f"a guide may have {SIZE_LIMIT_BYTES} bytes, and this one has {len(content)}")
    try:
        guide = Guide.model_validate_json(content)
    except ValidationError as error:
        raise ValueError(f"it cannot be read: {error}") from error
    if guide.city != city:
        raise ValueError(f"it is the guide of {guide.city}")
    return guide
