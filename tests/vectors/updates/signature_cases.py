"""More cases of the test vectors: who signed what, and whether that counts."""

import json

from mobile_models.updates import staged_targets
from mobile_models.updates.update_channel import ChannelPointer
from mobile_models.updates.update_roles import UpdateRole
from tests.vectors.updates import city
from tests.vectors.updates.cases import Visit, case, only, refuses, runs
from tests.vectors.updates.city import Draft, SeededSigner, draft


@case
def unsigned_targets() -> list[Visit]:
    """`targets` without any signature."""
    made = draft()
    made.signers[UpdateRole.TARGETS] = []
    return only(refuses("tampered_metadata"), made)


@case
def channels_of_a_stranger() -> list[Visit]:
    """`channels` signed by a key that `targets` does not name."""
    made = draft()
    made.signers[UpdateRole.CHANNELS] = [SeededSigner("stranger")]
    return only(refuses("tampered_metadata"), made)


@case
def targets_signed_by_the_online_keys() -> list[Visit]:
    """A thief of the online keys signs a list of models of his own."""
    made = draft(ChannelPointer(current=9), releases={9: city.release(9)})
    made.signers[UpdateRole.TARGETS] = made.signers[UpdateRole.TIMESTAMP]
    return only(refuses("tampered_metadata"), made)


@case
def channels_that_name_a_model() -> list[Visit]:
    """A thief of the key of `channels` lists a model there. The delegation is confined to other paths."""
    made = draft(ChannelPointer(current=9))
    manifest, model = city.release(9)
    made.add(made.channels, staged_targets.manifest_path(9), manifest)
    made.add(made.channels, staged_targets.model_path(9), model)
    return only(refuses("not_published"), made)


@case
def threshold_reached() -> list[Visit]:
    """Two people have to sign `targets`, and both did."""
    return only(runs(2), _of_two_people())


@case
def threshold_not_reached() -> list[Visit]:
    """Two people have to sign `targets`, and one did."""
    made = _of_two_people()
    made.signers[UpdateRole.TARGETS] = made.signers[UpdateRole.TARGETS][:1]
    return only(refuses("tampered_metadata"), made)


@case
def one_person_signed_twice() -> list[Visit]:
    """Two people have to sign `targets`, and one did, twice."""
    made = _of_two_people()
    made.signers[UpdateRole.TARGETS] = made.signers[UpdateRole.TARGETS][:1]
    files = made.sign()
    targets = json.loads(files["metadata/2.targets.json"])
    targets["signatures"] *= 2
    files["metadata/2.targets.json"] = json.dumps(targets, sort_keys=True, separators=(",", ":")).encode()
    return only(refuses("tampered_metadata"), files)


def _of_two_people() -> Draft:
    """Return a repository whose root 2 asks for two signatures."""
    made = draft(given=city.signers(targets=2))
    root = city.root_of(made.signers, version=2, thresholds={UpdateRole.TARGETS: 2})
    made.roots.append((root, made.signers[UpdateRole.ROOT]))
    return made


@case
def signature_of_a_stranger_beside_the_right_one() -> list[Visit]:
    """A signature that does not count does no harm."""
    made = draft()
    made.signers[UpdateRole.TARGETS] = [SeededSigner("stranger"), *made.signers[UpdateRole.TARGETS]]
    return only(runs(2), made)


@case
def unknown_fields_in_metadata() -> list[Visit]:
    """Fields that a later version of TUF may bring: they are signed as well, and ignored."""
    made = draft()
    for signed in (made.targets, made.channels, made.snapshot, made.timestamp):
        signed.unrecognized_fields["x-later-invention"] = {"numbers": [1, 2], "text": "ä"}
    return only(runs(2), made)
