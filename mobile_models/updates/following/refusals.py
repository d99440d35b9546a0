"""Why a phone does not take an update.

Guarantees: every reason is one word of a closed list, so that phones can count them and cities compare them; the
detail says in one sentence what a person can do or has to know.
"""

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum

_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


class RefusalReason(StrEnum):
    UNREACHABLE = "unreachable"  # try again later; nothing is wrong with the release
    NOT_PUBLISHED = "not_published"
    TAMPERED_METADATA = "tampered_metadata"
    EXPIRED_METADATA = "expired_metadata"
    OLDER_METADATA = "older_metadata"
    TAMPERED_FILE = "tampered_file"
    OTHER_LABEL_SET = "other_label_set"
    RUNTIME_TOO_OLD = "runtime_too_old"
    APP_TOO_OLD = "app_too_old"
    MODEL_BROKEN = "model_broken"
    SELF_TEST_FAILED = "self_test_failed"
    CRASHED = "crashed"  # the process died while it was loaded, or gave its first answer
    PATCH_FAILED = "patch_failed"  # only counted: the whole model was downloaded instead
    DISK_FULL = "disk_full"
    STORAGE_FAILED = "storage_failed"


class UpdateRefused(Exception):
    """The phone keeps the model that it has."""

    def __init__(self, reason: RefusalReason, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail


@contextmanager
def refusing_storage_errors() -> Iterator[None]:
    """Turn what the phone's disk refuses within the block into `UpdateRefused`."""
    try:
        yield
    except OSError as error:
        if error.errno in _FULL:
            detail = "there is no room on this phone for the update: free some, it goes on by itself"
            raise UpdateRefused(RefusalReason.DISK_FULL, detail) from error
        detail = f"this phone's storage failed, so that nothing was installed: {error}"
        raise UpdateRefused(RefusalReason.STORAGE_FAILED, detail) from error
