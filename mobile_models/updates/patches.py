"""Patches: what turns the model that a phone has into another one, in fewer bytes than the whole.

Guarantees: `apply` gives the file that the patch names, to the last byte, or a `PatchProblem` and no file. It writes at
most `limit_bytes` and holds in memory one zstd window and a few blocks, for `prefix` the old file, too, whatever the
patch claims (a model of 25 MB: 3 MB by `subtract`, 50 MB by `prefix`). `make` gives the smallest of all methods, and
nothing where the whole file is no larger. The same two files give the same patch, with the same release of zstd.

The file, numbers big-endian, without gaps:

    offset  bytes
    0       7      WLPATCH, in ASCII
    7       1      version of this format: 1
    8       1      method: 1 subtract, 2 prefix
    9       8      length of the old file
    17      8      length of the new file
    25      32     SHA-256 of the old file
    57      32     SHA-256 of the new file
    89      rest   one zstd frame (RFC 8878) without a dictionary id

subtract: the frame holds d, as long as both files; new[i] = (old[i] + d[i]) modulo 256. Its window is at most 1 MiB.
prefix: the frame holds the new file, and may refer back into the old one as if that had been written right before it
(`ZSTD_DCtx_refPrefix` of libzstd, `zstd --patch-from`). Its window is at most 128 MiB.

A reader refuses another version, another method, a larger window, and a result of another length or digest.
"""

import hashlib
import os
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path
from typing import BinaryIO

import numpy as np
import zstandard

from mobile_models.document import Sha256, file_sha256, sha256

_HEADER = struct.Struct(">7sBBQQ32s32s")
_MAGIC, _VERSION = b"WLPATCH", 1
_LEVEL = 19
_BLOCK_BYTES = 1 << 18
_SMALLEST_WINDOW = 1 << 10
"""Of any zstd frame (RFC 8878, section 3.1.1.1.2)."""


class PatchProblem(Exception):
    """The patch cannot be used; take the whole file."""


class Method(IntEnum):
    SUBTRACT = 1
    PREFIX = 2


_WINDOW_LOG = {Method.SUBTRACT: 20, Method.PREFIX: 27}


@dataclass(frozen=True)
class Header:
    method: Method
    old_length: int
    new_length: int
    old_sha256: Sha256
    new_sha256: Sha256

    def to_bytes(self) -> bytes:
        digests = bytes.fromhex(self.old_sha256), bytes.fromhex(self.new_sha256)
        return _HEADER.pack(_MAGIC, _VERSION, self.method, self.old_length, self.new_length, *digests)


def target_path(old_sha256: str, new_sha256: str) -> str:
    """Where the patch between two files lies among the targets."""
    return f"patches/{old_sha256[:16]}-{new_sha256[:16]}.patch"


def make(old: bytes, new: bytes) -> bytes | None:
    """Return the smallest patch from `old` to `new`; None if the whole file is no larger.

    A pair of 25 MB takes half a minute of a processor and 340 MB of memory.
    """
    made = [_packed(method, old, new) for method in Method if method != Method.SUBTRACT or len(old) == len(new)]
    smallest = min(made, key=len)
    return smallest if len(smallest) < len(new) else None


def read_header(patch: bytes) -> Header:
    """Read the first bytes of a patch. Raise `PatchProblem` if it is none that this version knows."""
    try:
        magic, version, method, *lengths, old_digest, new_digest = _HEADER.unpack_from(patch)
    except struct.error as error:
        raise PatchProblem(f"a patch has at least {_HEADER.size} bytes, and this has {len(patch)}") from error
    if magic != _MAGIC or version != _VERSION or method not in list(Method):
        raise PatchProblem(f"this is no patch of version {_VERSION} with a known method")
    return Header(Method(method), lengths[0], lengths[1], Sha256(old_digest.hex()), Sha256(new_digest.hex()))


def apply(old: Path, patch: Path, result: Path, limit_bytes: int) -> None:
    """Write to `result` what `patch` makes of `old`: the whole file, or none.

    Raise `PatchProblem` if that is not possible or needs more than `limit_bytes`, `OSError` if a file cannot be read
    or the disk is full.
    """
    partial = result.with_name(f"{result.name}.patched")
    try:
        with patch.open("rb") as file, partial.open("wb") as written:
            header = read_header(file.read(_HEADER.size))
            _check(header, old, limit_bytes)
            digest = _write(_blocks(header, file, old), written)
        if digest != header.new_sha256:
            raise PatchProblem("the result is not the file that the patch names")
        partial.replace(result)
    except zstandard.ZstdError as error:
        raise PatchProblem(f"the compressed part cannot be read: {error}") from error
    finally:
        partial.unlink(missing_ok=True)


def _packed(method: Method, old: bytes, new: bytes) -> bytes:
    settings = zstandard.ZstdCompressionParameters.from_level(
        _LEVEL,
        source_size=len(new),
        window_log=_WINDOW_LOG[method],
        # Without it, zstd finds nothing far back in a prefix of this size.
        enable_ldm=method == Method.PREFIX,
    )
    prefix, content = (None, _difference(old, new)) if method == Method.SUBTRACT else (_prefix(old), new)
    compressor = zstandard.ZstdCompressor(compression_params=settings, dict_data=prefix)
    header = Header(method, len(old), len(new), sha256(old), sha256(new))
    return header.to_bytes() + compressor.compress(content)


def _difference(old: bytes, new: bytes) -> bytes:
    return (np.frombuffer(new, np.uint8) - np.frombuffer(old, np.uint8)).tobytes()


def _sum(old: bytes, difference: bytes) -> bytes:
    return (np.frombuffer(old, np.uint8) + np.frombuffer(difference, np.uint8)).tobytes()


def _prefix(old: bytes) -> zstandard.ZstdCompressionDict:
    return zstandard.ZstdCompressionDict(old, dict_type=zstandard.DICT_TYPE_RAWCONTENT)


def _check(header: Header, old: Path, limit_bytes: int) -> None:
    if header.new_length > limit_bytes:
        raise PatchProblem(f"the result would have {header.new_length} bytes, and {limit_bytes} are allowed")
    if header.method == Method.SUBTRACT and header.old_length != header.new_length:
        raise PatchProblem("files of different length cannot be subtracted")
    if old.stat().st_size != header.old_length or file_sha256(old) != header.old_sha256:
        raise PatchProblem("the patch is for another file than the one that is here")


def _blocks(header: Header, frame: BinaryIO, old: Path) -> Iterator[bytes]:
    if header.method == Method.PREFIX:
        yield from _unpacked(header, frame, _prefix(old.read_bytes()))
        return
    with old.open("rb") as file:
        for difference in _unpacked(header, frame):
            yield _sum(file.read(len(difference)), difference)


def _unpacked(header: Header, frame: BinaryIO, prefix: zstandard.ZstdCompressionDict | None = None) -> Iterator[bytes]:
    """Yield what the frame holds, exactly `new_length` bytes; it is never asked for more."""
    # A frame that claims a window beyond what its content can need would only cost memory.
    window = min(1 << _WINDOW_LOG[header.method], max(_SMALLEST_WINDOW, 1 << header.new_length.bit_length()))
    decompressor = zstandard.ZstdDecompressor(dict_data=prefix, max_window_size=window)
    missing = header.new_length
    with decompressor.stream_reader(frame, read_across_frames=True, closefd=False) as reader:
        while missing:
            block = reader.read(min(_BLOCK_BYTES, missing))
            if not block:
                raise PatchProblem(f"the compressed part ends {missing} bytes early")
            missing -= len(block)
            yield block
        if reader.read(1):
            raise PatchProblem(f"the compressed part holds more than {header.new_length} bytes")


def _write(blocks: Iterator[bytes], file: BinaryIO) -> Sha256:
    """Write through to the disk, and return the digest."""
    digest = hashlib.sha256()
    for block in blocks:
        digest.update(block)
        file.write(block)
    file.flush()
    os.fsync(file.fileno())
    return Sha256(digest.hexdigest())
