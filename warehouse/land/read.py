"""Files become chunks of documents: line number and text, for the engine to parse.

Belongs here: choosing the reader, lines of text, and telling what is no text at all.
Does not belong here: the other readers (read_csv.py, read_json.py, read_parquet.py), parsing JSON lines (the engine
does that, a chunk at a time) and contracts.

Each reader yields chunks of bounded size, so memory does not grow with the file.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import chain

import numpy as np
import pyarrow as pa

from warehouse.land.chunk import CHUNK_BYTES, CHUNK_ROWS, SCHEMA, SLICE, Bad, Chunk, OnRead, documents, sliced
from warehouse.land.ends import brackets, line_ends
from warehouse.land.files import ARCHIVE, Digest, InputFile
from warehouse.land.json_scan import MAX_DEPTH, TOO_DEEP, openers_of, spelt, too_deep
from warehouse.land.read_csv import csv_rows
from warehouse.land.read_json import json_documents
from warehouse.land.read_parquet import parquet_rows
from warehouse.land.refuse import Unreadable, check
from warehouse.land.stream import CutOff, blocks
from warehouse.land.text import LINE_BYTES, Rest, as_utf8, excerpt, pieces

__all__ = ["CHUNK_BYTES", "SLICE", "Bad", "Chunk", "documents", "lines", "read", "sliced"]

_HEAD = 8192


def _always() -> bool:
    return True


def read(
    file: InputFile, on_read: OnRead, digest: Digest | None = None, spell: Callable[[], bool] = _always
) -> Iterator[Chunk]:
    """Chunks of `file` by its reader; `digest` sees what is read, and `spell` tells whether anybody wants the spelling of
    lines of JSON. Raises Unreadable when it is something else altogether.
    """
    if file.reader == "parquet":
        return parquet_rows(file.path, file.name, on_read)
    if file.reader == ARCHIVE:
        raise Unreadable(f"{file.name} is an archive, not one file", remedy="unpack it first")
    text = as_utf8(_checked(file, blocks(file.path, on_read, digest)), file.dialect.encoding)
    if file.reader in ("jsonl", "lines"):
        return lines(text, "json" if file.reader == "jsonl" else "line", spell)
    if file.reader in ("csv", "rows"):
        return csv_rows(text, file.name, file.dialect, header=file.reader == "csv")
    if file.reader == "json":
        return json_documents(text)
    raise ValueError(f"unknown reader {file.reader!r} for {file.name}: use json, jsonl, csv, rows, parquet or lines")


def _checked(file: InputFile, source: Iterator[bytes]) -> Iterator[bytes]:
    """`source`, if it begins like a text."""
    try:
        first = next(source, b"")
    except CutOff as error:
        first, source = b"", _broken(error)
    check(file.name, first[:_HEAD], file.reader)
    yield from chain([first], source)


def _broken(error: CutOff) -> Iterator[bytes]:
    raise error
    yield b""


def lines(source: Iterator[bytes], form: str, spell: Callable[[], bool] = _always) -> Iterator[Chunk]:
    """One document or text a line. A last line without newline counts, unless the packed file was cut off in it."""
    number = 1
    for piece in pieces(source):
        if isinstance(piece, Rest):
            yield documents([], [], [Bad(number, piece.reason, excerpt(piece.data))])
            number += 1
            continue
        chunk, count = _split(piece, number, form, form == "json" and spell())
        number += count
        for start in range(0, max(len(chunk.table), 1), CHUNK_ROWS):
            part, spelling = chunk.table.slice(start, CHUNK_ROWS), chunk.spelling
            if spelling:
                spelling = replace(spelling, names=spelling.names[start : start + CHUNK_ROWS])
            yield Chunk(form, part, chunk.bad if start == 0 else [], chunk.has_arrays, spelling)


def _split(data: bytes, number: int, form: str, spell: bool) -> tuple[Chunk, int]:
    """Lines of `data` as a chunk, blank ones left out; and how many lines they were."""
    if spell:
        ends, spelling = spelt(data)
        arrays = brackets(data, ends)
    else:
        (ends, arrays), spelling = line_ends(data), None
    if not len(ends) or ends[-1] != len(data):
        ends, spelling = np.append(ends, len(data)), None
    offsets = np.concatenate([[0], ends]).astype(np.int32)
    starts = offsets[:-1]
    texts = pa.Array.from_buffers(pa.string(), len(ends), [None, pa.py_buffer(offsets), pa.py_buffer(data)])
    numbers = pa.array(np.arange(number, number + len(ends)))
    table = pa.table([numbers, texts], schema=SCHEMA)
    bad: list[Bad] = []
    strange = _strange(data, starts, ends, form)
    try:
        texts.validate(full=True)
    except pa.ArrowInvalid:
        table, bad = _only_good(data, starts, ends, number, strange)
        spelling = None
    else:
        if strange:
            table, bad = _only_good(data, starts, ends, number, strange)
            spelling = None
    return Chunk(form, sliced(table), bad, form == "json" and arrays, spelling), len(ends)


def _strange(data: bytes, starts: np.ndarray, ends: np.ndarray, form: str) -> dict[int, str]:
    """Lines that must not reach the engine, by their place: far too long, or nested so deep that it would fail."""
    lengths = ends - starts
    if lengths.max() <= 2 * MAX_DEPTH:
        return {}
    found = {int(i): f"the line is longer than {LINE_BYTES >> 20} MB" for i in np.flatnonzero(lengths > LINE_BYTES)}
    if form == "json":
        openers = openers_of(np.frombuffer(data, dtype=np.uint8))
        long = np.flatnonzero(lengths > 2 * MAX_DEPTH)
        counts = np.searchsorted(openers, ends[long]) - np.searchsorted(openers, starts[long])
        for i in long[counts > MAX_DEPTH].tolist():
            if i not in found and too_deep(data[starts[i] : ends[i]]):
                found[i] = TOO_DEEP
    return found


def _only_good(
    data: bytes, starts: np.ndarray, ends: np.ndarray, number: int, strange: dict[int, str]
) -> tuple[pa.Table, list[Bad]]:
    good_numbers, good, bad = [], [], []
    for index, (start, end) in enumerate(zip(starts.tolist(), ends.tolist(), strict=True)):
        line = data[start:end]
        if index in strange:
            bad.append(Bad(number + index, strange[index], excerpt(line)))
            continue
        try:
            good.append(line.decode("utf-8"))
            good_numbers.append(number + index)
        except UnicodeDecodeError as error:
            reason = f"not UTF-8: byte 0x{line[error.start]:02x} at position {error.start + 1} of the line"
            bad.append(Bad(number + index, reason, excerpt(line)))
    return pa.table([pa.array(good_numbers, pa.int64()), pa.array(good, pa.string())], schema=SCHEMA), bad
