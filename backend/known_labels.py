"""The labels that people may give: those of the current release, and new ones that gold labels already use.

Guarantees: the order of a release is kept and only appended to, so that positions keep their meaning.
"""

from collections.abc import Iterable

from sqlmodel import Session, col

from backend import distinct_values
from backend.errors import DomainError
from backend.releasing.current_model import current_version
from backend.tables import Photo, Release
from mobile_models.label_set import TRASHNET, Label, LabelSet

_MOST = 1000


def label_set(session: Session, release: int | None = None) -> LabelSet:
    """Return the current release's labels (`TRASHNET` where there is none yet), and new ones in alphabetical order.

    With `release`, return the labels of that one; of one that is not known here (a phone may come from elsewhere, or
    the database from a backup), the same as without.
    """
    named = None if release is None else session.get(Release, release)
    if named is not None:
        return LabelSet.model_validate(named.manifest["label_set"])
    version = current_version(session)
    current = TRASHNET
    if version is not None:
        current = LabelSet.model_validate(session.get_one(Release, version).manifest["label_set"])
    return extended(current, distinct_values.of(session, col(Photo.gold_label), _MOST))


def extended(labels: LabelSet, more: Iterable[str]) -> LabelSet:
    """Return the next version of `labels` with those of `more` that it has not; raise `ValueError` for a bad id."""
    new = sorted(set(more) - set(labels.ids))
    if not new:
        return labels
    added = tuple(Label(id=label, name=label.replace("_", " ").capitalize()) for label in new)
    return LabelSet(id=labels.id, version=labels.version + 1, labels=(*labels.labels, *added))


def check(labels: LabelSet, label: str) -> None:
    if label not in labels.ids:
        raise DomainError(f"unknown label {label!r}; known labels: {', '.join(labels.ids)}.", code="unknown_label")
