"""The `json` reader: one document, an array of them, or several one after another, on one line or on many.

Belongs here: finding the documents in such a file. Does not belong here: list pages (Source.unwrap opens them).
Line numbers are those of the file, except inside an array: there the number of the element counts.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pyarrow as pa

from warehouse.land import read
from warehouse.land.stream import CutOff, blocks


def json_documents(path: Path, on_read: read.OnRead) -> Iterator[read.Chunk]:
    """Chunks of the documents in `path`. A file that is not one JSON value is taken apart value by value."""
    data, fault = bytearray(), None
    try:
        for block in blocks(path, on_read):
            data += block
    except CutOff as error:
        fault = str(error)
    raw = bytes(data).removeprefix(b"\xef\xbb\xbf")
    if not raw.strip() and not fault:
        return
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        reason = f"not UTF-8: byte 0x{raw[error.start]:02x} in line {line}"
        text = raw.decode("utf-8", "backslashreplace")
        yield read.documents([], [], [read.Bad(line, reason, text[:100_000])])
        return
    if not fault and (whole := _one_value(text)) is not None:
        yield from whole
        return
    yield from _one_after_another(text, fault)


def _one_value(text: str) -> Iterator[read.Chunk] | None:
    """The elements of an array, or the one document; None when the text is not one JSON value."""
    with duckdb.connect() as engine:
        engine.execute("set threads = 1")
        valid = engine.execute("select json_valid($1)", [text]).fetchone()
        if not valid or not valid[0]:
            return None
        if not text.lstrip().startswith("["):
            return iter([read.documents([1], [text], [])])
        elements = engine.execute(
            """select row_number() over () as _line, doc as _text
               from (select cast(unnest(from_json($1, '["JSON"]')) as varchar) as doc)""",
            [text],
        ).to_arrow_table()
    return _chunks(elements)


def _chunks(elements: pa.Table) -> Iterator[read.Chunk]:
    rows = max(1, int(len(elements) * read.CHUNK_BYTES / max(elements.nbytes, 1)))
    for start in range(0, len(elements), rows):
        yield read.Chunk("doc", read.sliced(elements.slice(start, rows).cast(read.SCHEMA)))


def _one_after_another(text: str, fault: str | None) -> Iterator[read.Chunk]:
    decoder = json.JSONDecoder()
    position, line, end = 0, 1, len(text)
    numbers: list[int] = []
    texts: list[str] = []
    bad: list[read.Bad] = []
    size = 0
    while True:
        start = position
        while position < end and text[position] in " \t\r\n":
            position += 1
        line += text.count("\n", start, position)
        if position >= end:
            break
        try:
            _, after = decoder.raw_decode(text, position)
        except (json.JSONDecodeError, RecursionError) as error:
            # go on at the next line that can begin a document
            after = next((i for i in (text.find("\n{", position), text.find("\n[", position)) if i >= 0), end)
            message = error.msg if isinstance(error, json.JSONDecodeError) else "nested too deep"
            reason = fault if fault and after == end else f"not JSON: {message}"
            bad.append(read.Bad(line, reason, text[position:after][:100_000]))
            fault = None if reason == fault else fault
        else:
            numbers.append(line)
            texts.append(text[position:after])
            size += after - position
        line += text.count("\n", position, after)
        position = after
        if size > read.CHUNK_BYTES:
            yield read.documents(numbers, texts, bad, "json")
            numbers, texts, bad, size = [], [], [], 0
    if fault:
        bad.append(read.Bad(line, fault, ""))
    chunk = read.documents(numbers, texts, bad, "json")
    chunk.has_arrays = any(text.startswith("[") for text in texts)
    yield chunk
