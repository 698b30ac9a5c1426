"""Text of a file as UTF-8 with lines that end in \\n, and as pieces that hold whole lines.

Belongs here: byte order marks, encodings, old line ends, lines beyond all measure. Does not belong here: records.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator
from dataclasses import dataclass

from nexus.errors import InputError
from warehouse.land.stream import CutOff

#: A line (or a record of a .json file) is read up to this size; what is longer goes to quarantine with its beginning.
LINE_BYTES = 32 * 1024 * 1024
#: As much of a broken text is kept in quarantine.
EXCERPT_BYTES = 64 * 1024
#: Smaller than what the C library maps by itself (allocator.py): what is made of a piece lies in memory that is there.
PIECE_BYTES = 768 * 1024
#: What text that is no UTF-8 mostly is.
GUESS = "cp1252"
_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
#: UTF-16 without a mark: every other byte of the first characters is zero, as in all text that begins with ASCII.
_WIDE = ((re.compile(rb"(?:[\t\n\r -~]\0){8}"), "utf-16-le"), (re.compile(rb"(?:\0[\t\n\r -~]){8}"), "utf-16-be"))
_ESCAPED = re.compile(rb"(?<!\\)((?:\\\\)*)\\x([89a-f][0-9a-f])")


def known(encoding: str) -> str:
    """The codec's own name. Raises InputError for one that does not exist."""
    try:
        "".encode(encoding)
        return codecs.lookup(encoding).name
    except (LookupError, UnicodeError) as error:
        raise InputError(
            f"there is no encoding {encoding!r}", remedy="common ones: utf-8, cp1252, latin-1, utf-16, shift_jis"
        ) from error


def as_utf8(source: Iterator[bytes], encoding: str | None = None) -> Iterator[bytes]:
    """`source` in UTF-8 without a mark. A mark in the file outweighs `encoding`; without both it is left as it is.

    Bytes that mean nothing in the encoding become bytes that mean nothing in UTF-8, so that their line is found.
    """
    first = next(source, b"")
    mark, codec = next(((m, c) for m, c in _MARKS if first.startswith(m)), (b"", None))
    if codec is None:
        codec = next((c for pattern, c in _WIDE if pattern.match(first)), None) or known(encoding or "utf-8")
    decode = None if codec == "utf-8" else codecs.getincrementaldecoder(codec)("nexus_marked")
    old_ends = False

    def mended(block: bytes, final: bool = False) -> bytes:
        text = block if decode is None else decode.decode(block, final).encode("utf-8", "surrogateescape")
        return text.replace(b"\r", b"\n") if old_ends else text

    first = mended(first[len(mark) :])
    # files of old Macintosh programs end their lines with \r alone
    if b"\r" in first and b"\n" not in first:
        old_ends, first = True, first.replace(b"\r", b"\n")
    if first:
        yield first
    for block in source:
        yield mended(block)
    if decode is not None and (last := mended(b"", final=True)):
        yield last


def _marked(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeDecodeError):
        raise error
    lost = error.object[error.start : error.end]
    return "".join(chr(0xDC80 | byte & 0x7F) for byte in lost), error.end


codecs.register_error("nexus_marked", _marked)


@dataclass(slots=True)
class Rest:
    """A text that is no whole line: why, and its beginning."""

    reason: str
    data: bytes


def pieces(source: Iterator[bytes]) -> Iterator[bytes | Rest]:
    """Whole lines in pieces of about `PIECE_BYTES`; a line beyond `LINE_BYTES`, or the one the file breaks in, as a Rest.

    The last line needs no \\n. Memory stays bounded, whatever the file holds.
    """
    held: list[bytes] = []
    size = skipped = 0
    head, fault, whole = b"", None, False
    while True:
        try:
            block = next(source, None)
        except CutOff as error:
            block, fault = None, str(error)
        if block is None:
            break
        if skipped:
            cut = block.find(b"\n") + 1
            if not cut:
                skipped += len(block)
                continue
            yield Rest(_too_long(skipped + cut), head)
            skipped, block = 0, block[cut:]
        size += len(block)
        if size < PIECE_BYTES:
            held.append(block)
            whole = whole or b"\n" in block
            continue
        cut = block.rfind(b"\n") + 1
        if whole and not cut:
            # the last whole line ends in an earlier block
            block, held = b"".join([*held, block]), []
            cut = block.rfind(b"\n") + 1
        if cut:
            # put together once, because copying costs as much as finding the lines
            yield b"".join([*held, memoryview(block)[:cut]])
            held, block, whole = [], block[cut:], False
        held.append(block)
        size = sum(map(len, held))
        if size > LINE_BYTES:
            head, skipped, held, size = b"".join(held)[:EXCERPT_BYTES], size, [], 0
    if skipped:
        yield Rest(fault or _too_long(skipped), head)
        return
    data = b"".join(held)
    cut = data.rfind(b"\n") + 1 if fault else len(data)
    if cut:
        yield data[:cut]
    if fault:
        yield Rest(fault, data[cut:])


def _too_long(size: int) -> str:
    return f"the line is longer than {LINE_BYTES >> 20} MB: {size:,} bytes"


def excerpt(data: bytes) -> str:
    """`data` as text for people, cut where it is very long; never valid JSON when it is cut."""
    text = data[:EXCERPT_BYTES].decode("utf-8", "backslashreplace").rstrip("\r\n")
    return (
        text if len(data) <= EXCERPT_BYTES else f"{text} … ({len(data):,} bytes, the first {EXCERPT_BYTES:,} are kept)"
    )


def reread(text: str, encoding: str) -> str:
    """A text of quarantine, some bytes of which were no UTF-8 and are kept as \\xNN, read in `encoding` instead."""
    data = _ESCAPED.sub(lambda m: m[1] + bytes([int(m[2], 16)]), text.encode())
    return text if data == text.encode() else data.decode(encoding, "backslashreplace")
