"""Bytes of a file, whatever it is packed in, until its end or until it breaks.

Belongs here: decompression that keeps everything before a fault, other encodings than UTF-8.
Does not belong here: lines and records.
"""

from __future__ import annotations

import codecs
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import zstandard

_BLOCK = 4 * 1024 * 1024


class CutOff(Exception):
    """The packed file ends or breaks here; what came before is good. The text says how."""


def blocks(path: Path, on_read: Callable[[int], None] | None = None) -> Iterator[bytes]:
    """Unpacked content in blocks; the packing is told by its first bytes. `on_read` hears of packed bytes read.

    Raises CutOff after yielding everything that could be unpacked.
    """
    with path.open("rb") as handle:
        head = handle.read(4)
        handle.seek(0)
        if head[:2] == b"\x1f\x8b":
            make: Callable[[], object] | None = lambda: zlib.decompressobj(wbits=31)  # noqa: E731
        elif head == b"\x28\xb5\x2f\xfd":
            make = zstandard.ZstdDecompressor().decompressobj
        else:
            make = None
        unpacker = make() if make else None
        at_member_start = True
        while raw := handle.read(_BLOCK):
            if on_read:
                on_read(len(raw))
            if unpacker is None:
                yield raw
                continue
            while raw:
                if getattr(unpacker, "eof", False):
                    if make is not None and raw.strip(b"\0"):
                        unpacker, at_member_start = make(), True
                    else:
                        break
                try:
                    out = unpacker.decompress(raw)  # type: ignore[attr-defined]
                except (zlib.error, zstandard.ZstdError) as error:
                    raise CutOff(f"the packed file is damaged: {error}") from error
                at_member_start = False
                raw = getattr(unpacker, "unused_data", b"")
                if out:
                    yield out
                if not getattr(unpacker, "eof", False):
                    break
        if unpacker is not None and not at_member_start and not getattr(unpacker, "eof", True):
            raise CutOff("the packed file is cut off before its end")


def blocks_of(path: Path, encoding: str | None, on_read: Callable[[int], None] | None = None) -> Iterator[bytes]:
    """`blocks` as UTF-8, whatever `encoding` the file is written in. Bytes that are none of it stay as they are."""
    source = blocks(path, on_read)
    if encoding is None or codecs.lookup(encoding).name == "utf-8":
        return source
    return _as_utf8(source, encoding)


def _as_utf8(source: Iterator[bytes], encoding: str) -> Iterator[bytes]:
    decoder = codecs.getincrementaldecoder(encoding)("surrogateescape")
    for block in source:
        yield decoder.decode(block).encode("utf-8", "surrogateescape")
    yield decoder.decode(b"", final=True).encode("utf-8", "surrogateescape")
