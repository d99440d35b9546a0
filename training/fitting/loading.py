"""Batches made ahead of time, by processes beside the one that trains.

Guarantees: the batches come in their order and are the same whatever the number of processes. A loading process ends
with its trainer, however that ends. No Keras here: a loading process starts in a fraction of a second.
"""

import multiprocessing
import os
import threading
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from multiprocessing.connection import wait
from types import TracebackType
from typing import Self, TypeVar

B = TypeVar("B")
AHEAD = 2
"""Batches that each process has ready or in work."""


class Loaders:
    """`count` loading processes; 0: each batch is made when it is asked for."""

    def __init__(self, count: int) -> None:
        self._count = count
        self._pool = _pool(count) if count else None

    def stream(self, batches: Sequence[B]) -> Iterator[B]:
        """Yield all `batches`, which travel to the processes."""
        if self._pool is None:
            yield from batches
            return
        pending: deque[Future[B]] = deque()
        for index in range(len(batches)):
            pending.append(self._pool.submit(_make, batches, index))
            if len(pending) > AHEAD * self._count:
                yield pending.popleft().result()
        while pending:
            yield pending.popleft().result()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)


def _pool(count: int) -> ProcessPoolExecutor:
    """Not by `fork`: a copy of a process with TensorFlow's or JAX's threads may hang."""
    context = multiprocessing.get_context("forkserver")
    return ProcessPoolExecutor(count, mp_context=context, initializer=_end_with_parent)


def _make(batches: Sequence[B], index: int) -> B:
    return batches[index]


def _end_with_parent() -> None:
    threading.Thread(target=_exit_after_parent, daemon=True).start()


def _exit_after_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os._exit(1)
