"""One publisher at a time, in a folder.

Guarantees: while it is held nobody else holds it, in this process or in another one; it ends with the process, however
that ends, and leaves no file. In a bucket there is nothing to hold: there the write of the timestamp is conditional
(`repository_files.put_timestamp`), and the slower of two publishers is refused.
"""

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager

from obstore.store import LocalStore, ObjectStore

from mobile_models.updates.publishing.repository_files import RepositoryBusy

WAIT_SECONDS = 30.0
_LOOK_AGAIN_SECONDS = 0.05


@contextmanager
def held(store: ObjectStore, wait_seconds: float = WAIT_SECONDS) -> Iterator[None]:
    """Hold the repository's folder (flock(2) on the folder itself). Raise `RepositoryBusy` if it stays taken.

    The folder must lie on a disk of this machine: over NFS such locks may not be seen by others, and the timestamp that
    has changed meanwhile is what gives a second publisher away.
    """
    if not isinstance(store, LocalStore) or store.prefix is None:
        yield
        return
    descriptor = os.open(store.prefix, os.O_RDONLY | os.O_DIRECTORY)
    try:
        _take(descriptor, str(store.prefix), time.monotonic() + wait_seconds)
        yield
    finally:
        os.close(descriptor)


def _take(descriptor: int, folder: str, deadline: float) -> None:
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= deadline:
                raise RepositoryBusy(f"another publisher works on {folder}; try again once it is done") from None
            time.sleep(_LOOK_AGAIN_SECONDS)
        else:
            return
