"""Bytes of a file, whatever it is packed in, until its end or until it breaks.

Belongs here: decompression that keeps everything before a fault and cannot be made to fill the memory or to go on for
ever. Does not belong here: encodings of text (text.py), lines and records (read.py), archives (unpack.py).
"""

from __future__ import annotations

import bz2
import lzma
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import zstandard

from warehouse.land.files import Digest
from warehouse.land.refuse import Unreadable, opened

BLOCK = 512 * 1024
#: Unpacked bytes in hand at once. A zstd block of four bytes may stand for 128 KiB, hence the small helpings.
_PIECE, _HELPING = 1024 * 1024, 2048
#: Real exports shrink to a fiftieth at best. What unpacks to more than this many times its size is no export.
RATIO, HARMLESS = 250, 256 * 1024 * 1024
#: A bounded piece of what came out, what is left of what went in, and whether to call again.
_Step = tuple[bytes, memoryview, bool]
_DAMAGE = (zlib.error, zstandard.ZstdError, lzma.LZMAError, OSError, EOFError)


class _Broken(zlib.error):
    """A fault within a helping, and what could be unpacked before it."""

    def __init__(self, text: str, saved: bytes) -> None:
        super().__init__(text)
        self.saved = saved


class CutOff(Exception):
    """The packed file ends or breaks here; what came before is good. The text says how."""


def blocks(path: Path, on_read: Callable[[int], None] | None = None, digest: Digest | None = None) -> Iterator[bytes]:
    """Unpacked content in blocks; the packing is told by its first bytes. `on_read` hears of packed bytes read, and
    `digest` sees them.

    Raises CutOff after yielding everything that could be unpacked, Unreadable when the machine cannot read the file.
    """
    with opened(path) as handle:
        head = handle.read(6)
        handle.seek(0)
        packing = next((found for mark, found in _PACKED.items() if head.startswith(mark)), None)
        raws = _raws(handle, path, on_read, digest)
        yield from raws if packing is None else _unpacked(raws, *packing)


def _raws(handle: Any, path: Path, on_read: Callable[[int], None] | None, digest: Digest | None) -> Iterator[bytes]:
    while True:
        try:
            raw = handle.read(BLOCK)
        except OSError as error:
            raise Unreadable.by_machine(path, error) from error
        if not raw:
            return
        if on_read:
            on_read(len(raw))
        if digest:
            digest.update(raw)
        yield raw


def _unpacked(
    raws: Iterator[bytes], make: Callable[[], Any], step: Callable[[Any, memoryview], _Step]
) -> Iterator[bytes]:
    unpacker, begun = make(), False
    taken = given = size = 0
    pending: list[bytes] = []
    fault = None
    for raw in raws:
        taken += len(raw)
        rest = memoryview(raw)
        more = bool(raw)
        while more and fault is None:
            if unpacker.eof:
                if not bytes(rest).strip(b"\0"):
                    break  # padding
                unpacker = make()
            begun = True
            try:
                piece, rest, more = step(unpacker, rest)
            except _DAMAGE as error:
                fault = f"the packed file is damaged: {error}"
                if isinstance(error, _Broken):
                    pending.append(error.saved)
                break
            pending.append(piece)
            size += len(piece)
            given += len(piece)
            if size >= BLOCK:
                yield b"".join(pending)
                pending, size = [], 0
            if given > HARMLESS and given > RATIO * taken:
                fault = f"the packed file unpacks to more than {RATIO} times its size; read as far as {given >> 20} MB"
        if fault is not None:
            break
    if pending:
        yield b"".join(pending)
    if fault is None and begun and not unpacker.eof:
        fault = "the packed file is cut off before its end"
    if fault is not None:
        raise CutOff(fault)


def _zstd(unpacker: Any, raw: memoryview) -> _Step:
    helping = raw[:_HELPING]
    piece = unpacker.decompress(helping)
    rest = raw[len(helping) - (len(unpacker.unused_data) if unpacker.eof else 0) :]
    return piece, rest, bool(rest)


def _zlib(unpacker: Any, raw: memoryview) -> _Step:
    spare = unpacker.copy()
    try:
        piece = unpacker.decompress(raw, _PIECE)
    except zlib.error as error:
        raise _Broken(str(error), _saved(spare, raw)) from error
    rest = memoryview(unpacker.unused_data if unpacker.eof else unpacker.unconsumed_tail)
    return piece, rest, bool(rest) or (not unpacker.eof and len(piece) == _PIECE)


def _saved(unpacker: Any, raw: memoryview) -> bytes:
    """What comes out of a helping before the fault in it: hardly more than `_PIECE`, because it ended there before."""
    saved: list[bytes] = []
    for size in (1024, 32, 1):
        while raw:
            spare = unpacker.copy()
            try:
                saved.append(unpacker.decompress(raw[:size]))
            except zlib.error:
                unpacker = spare
                break
            raw = raw[size:]
    return b"".join(saved)


def _buffered(unpacker: Any, raw: memoryview) -> _Step:
    piece = unpacker.decompress(raw, _PIECE)
    rest = memoryview(unpacker.unused_data if unpacker.eof else b"")
    return piece, rest, bool(rest) or not (unpacker.eof or unpacker.needs_input)


#: First bytes of each packing, how to begin, and how to go on.
_PACKED: dict[bytes, tuple[Callable[[], Any], Callable[[Any, memoryview], _Step]]] = {
    b"\x1f\x8b": (lambda: zlib.decompressobj(wbits=31), _zlib),
    b"\x28\xb5\x2f\xfd": (lambda: zstandard.ZstdDecompressor().decompressobj(), _zstd),
    b"BZh": (bz2.BZ2Decompressor, _buffered),
    b"\xfd7zXZ\x00": (lzma.LZMADecompressor, _buffered),
}
