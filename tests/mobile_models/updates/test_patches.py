import random
import resource
import subprocess
import sys
import textwrap
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from mobile_models.document import sha256
from mobile_models.updates import patches
from mobile_models.updates.patches import Header, Method, PatchProblem

OLD = bytes(range(200))
EACH_BYTE_ONE_MORE = bytes((byte + 1) % 256 for byte in OLD)
TURNED = OLD[100:] + OLD[:100]

# The examples of docs/updates.md. The first frame is made by hand: one block that repeats 01 two hundred times.
SUBTRACT_EXAMPLE = bytes.fromhex(
    "574c5041544348010100000000000000c800000000000000c8"
    "1901da1c9f699b48f6b2636e65cbf73abf99d0441ef67f5c540a42f7051dec6f"
    "a48742653620d8aeee06f9aef53889980ead41a44aeb11c5b0996dfc4fbc127b"
    "28b52ffd20c8" "430600" "01"
)  # fmt: skip
PREFIX_EXAMPLE = bytes.fromhex(
    "574c5041544348010200000000000000c800000000000000c8"
    "1901da1c9f699b48f6b2636e65cbf73abf99d0441ef67f5c540a42f7051dec6f"
    "422454362333919eace05768d37e243a5919fca42e1eee30b1ed07001cc35ed3"
    "28b52ffd20c8" "6d0000" "186400010200ffb21382330d6c"
)  # fmt: skip

A_FRAME_OF_2_GIB = bytes.fromhex("28b52ffd0050") + 16383 * bytes.fromhex("02001000") + bytes.fromhex("03001000")
A_WINDOW_OF_64_MIB = bytes.fromhex("28b52ffd0080") + SUBTRACT_EXAMPLE[95:]
A_WINDOW_OF_1_KIB = bytes.fromhex("28b52ffd0000") + SUBTRACT_EXAMPLE[95:]


def applied(folder: Path, old: bytes, patch: bytes, limit_bytes: int = 1 << 20) -> bytes:
    """What a phone gets, which keeps neither a result nor half of one where the patch is refused."""
    (folder / "old").write_bytes(old)
    (folder / "patch").write_bytes(patch)
    try:
        patches.apply(folder / "old", folder / "patch", folder / "new", limit_bytes)
    except PatchProblem:
        assert {file.name for file in folder.iterdir()} == {"old", "patch"}
        raise
    assert {file.name for file in folder.iterdir()} == {"old", "patch", "new"}
    return (folder / "new").read_bytes()


def header(method: Method, old: bytes, new: bytes) -> Header:
    return Header(method, len(old), len(new), sha256(old), sha256(new))


def made(old: bytes, new: bytes) -> bytes:
    patch = patches.make(old, new)
    assert patch is not None
    return patch


def a_model(seed: int, size: int = 20_000) -> bytes:
    return random.Random(seed).randbytes(size)


@pytest.mark.parametrize(
    ("patch", "new"), [(SUBTRACT_EXAMPLE, EACH_BYTE_ONE_MORE), (PREFIX_EXAMPLE, TURNED)], ids=["subtract", "prefix"]
)
def test_the_documented_examples_give_what_they_say(tmp_path: Path, patch: bytes, new: bytes) -> None:
    assert applied(tmp_path, OLD, patch) == new


@given(st.data())
def test_whatever_the_two_files_are_the_patch_leads_from_one_to_the_other(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    old = data.draw(st.binary(max_size=2000))
    pieces = st.one_of(st.binary(max_size=300), st.just(old), st.just(old[::-1]), st.just(old[len(old) // 2 :]))
    new = b"".join(data.draw(st.lists(pieces, max_size=4)))
    patch = patches.make(old, new)
    if patch is not None:
        assert len(patch) < len(new)
        assert applied(tmp_path_factory.mktemp("phone"), old, patch, len(new)) == new


@given(st.integers(0, 10**6), st.integers(0, 19_999), st.integers(1, 255))
def test_a_byte_changed_anywhere_never_gives_another_file(
    tmp_path_factory: pytest.TempPathFactory, seed: int, place: int, change: int
) -> None:
    old = a_model(seed)
    new = old[:-500] + a_model(seed + 1, 500)
    patch = bytearray(made(old, new))
    patch[place % len(patch)] ^= change
    with suppress(PatchProblem):
        assert applied(tmp_path_factory.mktemp("phone"), old, bytes(patch)) == new


def test_models_of_equal_layout_are_subtracted() -> None:
    old = a_model(1)
    new = bytes((byte + 1) % 256 for byte in old)
    patch = made(old, new)
    assert patches.read_header(patch) == header(Method.SUBTRACT, old, new)
    assert len(patch) < 120


def test_a_model_that_moved_within_its_file_is_packed_with_the_old_one_as_prefix(tmp_path: Path) -> None:
    old = a_model(1)
    new = b"a longer table of contents" + old
    patch = made(old, new)
    assert patches.read_header(patch).method == Method.PREFIX
    assert len(patch) < 200
    assert applied(tmp_path, old, patch) == new


def test_there_is_no_patch_where_the_whole_file_is_no_larger() -> None:
    assert patches.make(a_model(1), a_model(2)) is None


def test_the_same_files_give_the_same_patch() -> None:
    assert made(OLD, TURNED) == made(OLD, TURNED)


def test_a_patch_lies_under_both_digests() -> None:
    assert patches.target_path(64 * "a", 64 * "b") == "patches/aaaaaaaaaaaaaaaa-bbbbbbbbbbbbbbbb.patch"


@pytest.mark.parametrize("length", [0, 1, 88, 89, 95, 98])
def test_a_patch_that_is_cut_is_refused(tmp_path: Path, length: int) -> None:
    with pytest.raises(PatchProblem):
        applied(tmp_path, OLD, SUBTRACT_EXAMPLE[:length])


@pytest.mark.parametrize(
    ("patch", "why"),
    [
        (b"WLPATCH\x02" + SUBTRACT_EXAMPLE[8:], "version"),
        (b"BSDIFF40" + SUBTRACT_EXAMPLE[8:], "no patch"),
        (SUBTRACT_EXAMPLE[:8] + b"\x03" + SUBTRACT_EXAMPLE[9:], "known method"),
        (SUBTRACT_EXAMPLE[:8] + b"\x02" + SUBTRACT_EXAMPLE[9:], "is not the file"),
        (SUBTRACT_EXAMPLE[:57] + 32 * b"\x00" + SUBTRACT_EXAMPLE[89:], "is not the file"),
        (SUBTRACT_EXAMPLE + b"more", "cannot be read"),
        (SUBTRACT_EXAMPLE + SUBTRACT_EXAMPLE[89:], "more than 200 bytes"),
    ],
)
def test_a_patch_that_lies_is_refused(tmp_path: Path, patch: bytes, why: str) -> None:
    with pytest.raises(PatchProblem, match=why):
        applied(tmp_path, OLD, patch)


@pytest.mark.parametrize("length", [0, 199, 201, 2**40])
def test_a_wrong_length_of_the_result_is_noticed(tmp_path: Path, length: int) -> None:
    lying = replace(header(Method.PREFIX, OLD, TURNED), new_length=length).to_bytes() + PREFIX_EXAMPLE[89:]
    with pytest.raises(PatchProblem):
        applied(tmp_path, OLD, lying)


def test_files_of_different_length_are_not_subtracted(tmp_path: Path) -> None:
    lying = header(Method.SUBTRACT, OLD, OLD[:100]).to_bytes() + zstandard.compress(100 * b"\x00")
    with pytest.raises(PatchProblem, match="different length"):
        applied(tmp_path, OLD, lying)


def test_a_patch_for_another_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(PatchProblem, match="for another file"):
        applied(tmp_path, TURNED, SUBTRACT_EXAMPLE)


def test_a_result_beyond_the_limit_is_refused(tmp_path: Path) -> None:
    assert applied(tmp_path, OLD, SUBTRACT_EXAMPLE, limit_bytes=200) == EACH_BYTE_ONE_MORE
    (tmp_path / "new").unlink()
    with pytest.raises(PatchProblem, match="199 are allowed"):
        applied(tmp_path, OLD, SUBTRACT_EXAMPLE, limit_bytes=199)


def test_a_window_that_the_result_cannot_need_is_refused(tmp_path: Path) -> None:
    assert applied(tmp_path, OLD, SUBTRACT_EXAMPLE[:89] + A_WINDOW_OF_1_KIB) == EACH_BYTE_ONE_MORE
    (tmp_path / "new").unlink()
    with pytest.raises(PatchProblem, match="too much memory"):
        applied(tmp_path, OLD, SUBTRACT_EXAMPLE[:89] + A_WINDOW_OF_64_MIB)


@pytest.mark.parametrize("method", list(Method))
def test_a_bomb_stops_at_the_limit_and_takes_no_memory(tmp_path: Path, method: Method) -> None:
    """In a child that may write no more than the limit to any file; its memory is compared with a good patch's."""
    (tmp_path / "old").write_bytes(OLD)
    (tmp_path / "good").write_bytes(SUBTRACT_EXAMPLE)
    (tmp_path / "bomb").write_bytes(header(method, OLD, EACH_BYTE_ONE_MORE).to_bytes() + A_FRAME_OF_2_GIB)
    child = textwrap.dedent(f"""
        import resource
        from pathlib import Path
        from mobile_models.updates import patches
        resource.setrlimit(resource.RLIMIT_FSIZE, ({len(OLD)}, {len(OLD)}))
        patches.apply(Path("old"), Path("good"), Path("new"), {len(OLD)})
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        try:
            patches.apply(Path("old"), Path("bomb"), Path("other"), {len(OLD)})
        except patches.PatchProblem:
            print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
    """)
    environment = {"PYTHONPATH": str(Path(patches.__file__).parents[2])}
    ended = subprocess.run(
        [sys.executable, "-c", child], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    assert ended.returncode == 0, ended.stderr
    more_kilobytes = int(ended.stdout)
    assert more_kilobytes < 4096
    assert not (tmp_path / "other").exists()


def test_a_disk_that_is_full_leaves_nothing_behind(tmp_path: Path) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    (tmp_path / "old").write_bytes(OLD)
    (tmp_path / "patch").write_bytes(SUBTRACT_EXAMPLE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, hard))
    try:
        with pytest.raises(OSError, match="File too large"):
            patches.apply(tmp_path / "old", tmp_path / "patch", tmp_path / "new", 1000)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert {file.name for file in tmp_path.iterdir()} == {"old", "patch"}
