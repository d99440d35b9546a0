"""The part of a change that `channels` signs: where phones are pointed to.

Guarantees: a pointer never names what is not published, and what others signed beside pointers, patches and guides
stays.
"""

from collections.abc import Mapping

from tuf.api.metadata import TargetFile

from mobile_models.document import sha256
from mobile_models.updates import guide_file, staged_targets, update_channel
from mobile_models.updates.publishing import patch_targets, published_updates, repository_files
from mobile_models.updates.publishing.desired_state import DesiredState
from mobile_models.updates.publishing.repository_edit import RepositoryEdit
from mobile_models.updates.update_channel import ChannelPointer
from mobile_models.updates.update_roles import UpdateRole


def point(edit: RepositoryEdit, desired: DesiredState, beside: Mapping[str, TargetFile]) -> dict[str, ChannelPointer]:
    """Write the pointers that differ, and return all. Patches and guides of before are replaced by those `beside`."""
    allowed = desired.versions & set(staged_targets.releases_in(edit.chain.targets.signed))
    published = published_updates.pointers(edit.store, edit.chain)
    pointers = dict(published)
    for channel, wanted in desired.channels.items():
        pointers[channel] = _reachable(wanted, published.get(channel, ChannelPointer()), allowed)
    files = _without(edit.chain.channels.signed.targets) | dict(beside)
    for channel, each in pointers.items():
        content, path = each.to_bytes(), update_channel.target_path(channel)
        files[path] = TargetFile(len(content), {"sha256": sha256(content)}, path)
        if not repository_files.has_target(edit.store, files[path]):
            repository_files.put_target(edit.store, files[path], content)
    if files != edit.chain.channels.signed.targets or edit.is_due(UpdateRole.CHANNELS):
        edit.set_channels(files)
    return pointers


def _without(files: Mapping[str, TargetFile]) -> dict[str, TargetFile]:
    folders = (patch_targets.FOLDER, guide_file.FOLDER)
    return {path: target for path, target in files.items() if not path.startswith(folders)}


def _reachable(wanted: ChannelPointer, published: ChannelPointer, allowed: frozenset[int]) -> ChannelPointer:
    """Return `wanted` without what phones cannot get: no candidate then, and the current release of before."""
    current = next((each for each in (wanted.current, published.current) if each in allowed), None)
    candidate = wanted.candidate
    if candidate is not None and (candidate.version not in allowed or candidate.version == current):
        candidate = None
    if wanted.current is None:
        current = None
    return wanted.model_copy(update={"current": current, "candidate": candidate})
