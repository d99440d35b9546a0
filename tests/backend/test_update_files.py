"""What the server remembers of the update repository, and for how long."""

import asyncio
from pathlib import Path
from typing import Any

import obstore
import pytest
from obstore.exceptions import BaseError
from obstore.store import LocalStore, MemoryStore, ObjectStore

from backend.releasing import update_files
from backend.releasing.update_files import UpdateFiles

TIMESTAMP = "metadata/timestamp.json"


class Clock:
    moment = 0.0

    def __call__(self) -> float:
        return self.moment


@pytest.fixture
def store() -> ObjectStore:
    store = MemoryStore()
    obstore.put(store, TIMESTAMP, b"first")
    return store


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def files(store: ObjectStore, clock: Clock) -> UpdateFiles:
    return UpdateFiles(store, clock)


async def content(files: UpdateFiles, path: str = TIMESTAMP) -> bytes | None:
    found = await files.find(path)
    return None if found is None else found.content


def test_elsewhere_a_file_is_looked_up_again_when_its_time_is_over(
    files: UpdateFiles, store: ObjectStore, clock: Clock
) -> None:
    async def ask() -> list[bytes | None]:
        answers = [await content(files)]
        obstore.put(store, TIMESTAMP, b"second")
        answers.append(await content(files))
        clock.moment = update_files.LIFETIME_SECONDS
        return [*answers, await content(files)]

    assert asyncio.run(ask()) == [b"first", b"first", b"second"]


def test_that_a_file_is_missing_is_remembered_as_long(files: UpdateFiles, store: ObjectStore, clock: Clock) -> None:
    async def ask() -> list[bytes | None]:
        answers = [await content(files, "metadata/2.root.json")]
        obstore.put(store, "metadata/2.root.json", b"root")
        answers.append(await content(files, "metadata/2.root.json"))
        clock.moment = update_files.LIFETIME_SECONDS
        return [*answers, await content(files, "metadata/2.root.json")]

    assert asyncio.run(ask()) == [None, None, b"root"]


def test_from_a_folder_nothing_old_is_given_and_nothing_is_read_twice(tmp_path: Path, clock: Clock) -> None:
    store = LocalStore(tmp_path)
    files = UpdateFiles(store, clock)

    async def ask() -> list[bytes | None]:
        answers = [await content(files)]
        obstore.put(store, TIMESTAMP, b"first")
        answers.append(await content(files))
        found = await files.find(TIMESTAMP)
        clock.moment = update_files.LIFETIME_SECONDS
        assert await files.find(TIMESTAMP) is found
        obstore.put(store, TIMESTAMP, b"second")
        answers.append(await content(files))
        obstore.delete(store, TIMESTAMP)
        return [*answers, await content(files)]

    assert asyncio.run(ask()) == [None, b"first", b"second", None]


def test_who_asks_after_a_change_is_not_given_what_another_has_begun_to_read_before(
    tmp_path: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = LocalStore(tmp_path)
    obstore.put(store, TIMESTAMP, b"first")
    files, fetch = UpdateFiles(store, clock), obstore.get_async

    async def ask() -> list[bytes | None]:
        opened, go_on = asyncio.Event(), asyncio.Event()

        async def held_back(store: ObjectStore, path: str) -> Any:
            monkeypatch.undo()
            found = await fetch(store, path)
            opened.set()
            await go_on.wait()
            return found

        monkeypatch.setattr(obstore, "get_async", held_back)
        early = asyncio.create_task(content(files))
        await opened.wait()
        obstore.put(store, TIMESTAMP, b"second")
        late = asyncio.create_task(content(files))
        await asyncio.sleep(0)
        go_on.set()
        return await asyncio.gather(early, late)

    assert asyncio.run(ask()) == [b"first", b"second"]


def test_those_who_ask_at_once_share_one_look(files: UpdateFiles) -> None:
    async def ask() -> list[object]:
        return await asyncio.gather(*(files.find(TIMESTAMP) for _ in range(50)))

    first, *others = asyncio.run(ask())
    assert first is not None
    assert all(other is first for other in others)


def test_who_hangs_up_spoils_nobody_elses_answer(files: UpdateFiles) -> None:
    async def ask() -> bytes | None:
        impatient = asyncio.create_task(content(files))
        patient = asyncio.create_task(content(files))
        await asyncio.sleep(0)
        impatient.cancel()
        return await patient

    assert asyncio.run(ask()) == b"first"


def test_a_failure_is_not_remembered(tmp_path: Path, clock: Clock) -> None:
    (tmp_path / "metadata").write_bytes(b"a file where a folder should be")
    files = UpdateFiles(LocalStore(tmp_path), clock)

    async def ask() -> bytes | None:
        with pytest.raises(BaseError):
            await files.find(TIMESTAMP)
        (tmp_path / "metadata").unlink()
        (tmp_path / "metadata").mkdir()
        (tmp_path / TIMESTAMP).write_bytes(b"mended")
        return await content(files)

    assert asyncio.run(ask()) == b"mended"


def test_a_file_that_was_replaced_is_not_opened_as_the_one_that_was_found(tmp_path: Path, clock: Clock) -> None:
    store = LocalStore(tmp_path)
    files, path = UpdateFiles(store, clock), "targets/models/1/model.tflite"
    obstore.put(store, path, b"first")

    async def ask() -> int:
        found = await files.find(path)
        assert found is not None
        obstore.put(store, path, b"and another")
        with pytest.raises(obstore.exceptions.PreconditionError):
            await files.open(path, found, 0, found.size)
        newer = await files.find(path)
        assert newer is not None
        return newer.size

    assert asyncio.run(ask()) == len(b"and another")


def test_only_small_documents_are_kept_and_only_so_many(
    files: UpdateFiles, store: ObjectStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(update_files, "MOST_FILES", 2)
    obstore.put(store, "metadata/9.targets.json", bytes(update_files.SMALL_BYTES + 1))

    async def ask() -> list[bytes | None]:
        first, large = await content(files), await content(files, "metadata/9.targets.json")
        obstore.put(store, TIMESTAMP, b"second")
        await content(files, "metadata/2.root.json")  # There is no room for the first one any more.
        return [first, large, await content(files)]

    assert asyncio.run(ask()) == [b"first", None, b"second"]
