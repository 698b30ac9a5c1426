"""Files become chunks of documents: line number and text, for the engine to parse.

Belongs here: the readers named in `Source.readers`, and telling what is no text at all.
Does not belong here: parsing JSON lines (the engine does that, a chunk at a time) and contracts.

Each reader yields chunks of bounded size, so memory does not grow with the file.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import orjson
import pyarrow as pa

from warehouse.land.files import InputFile
from warehouse.land.stream import CutOff, blocks_of

CHUNK_BYTES = 24 * 1024 * 1024
#: Rows of one record batch: the engine spreads batches over its threads.
SLICE = 2048
SCHEMA = pa.schema([("_line", pa.int64()), ("_text", pa.string())])
OnRead = Callable[[int], None]


@dataclass(slots=True)
class Bad:
    """Text that is no document."""

    line: int
    reason: str
    raw: str


@dataclass(slots=True)
class Chunk:
    """`form` says what `_text` holds: `json` (to be parsed), `doc` (known to be one JSON value) or `line`."""

    form: str
    table: pa.Table
    bad: list[Bad] = field(default_factory=list)
    has_arrays: bool = False


def read(file: InputFile, on_read: OnRead) -> Iterator[Chunk]:
    """Chunks of `file` by its reader."""
    if file.reader == "jsonl":
        return lines(blocks_of(file.path, file.dialect.encoding, on_read), "json")
    if file.reader == "lines":
        return lines(blocks_of(file.path, file.dialect.encoding, on_read), "line")
    if file.reader in ("csv", "rows"):
        return _csv(file, on_read, header=file.reader == "csv")
    if file.reader == "json":
        from warehouse.land.read_json import json_documents

        return json_documents(file.path, on_read)
    if file.reader == "parquet":
        from warehouse.land.read_parquet import parquet_rows

        return parquet_rows(file.path, on_read)
    raise ValueError(f"unknown reader {file.reader!r} for {file.name}: use json, jsonl, csv, rows, parquet or lines")


def documents(numbers: list[int], texts: list[str], bad: list[Bad], form: str = "doc") -> Chunk:
    """A chunk from Python values."""
    batch = pa.table([pa.array(numbers, pa.int64()), pa.array(texts, pa.string())], schema=SCHEMA)
    return Chunk(form, sliced(batch), bad)


def sliced(table: pa.Table) -> pa.Table:
    return pa.Table.from_batches(table.combine_chunks().to_batches(max_chunksize=SLICE), schema=SCHEMA)


def lines(source: Iterator[bytes], form: str) -> Iterator[Chunk]:
    """One document or text a line. A last line without newline counts, unless the packed file was cut off in it."""
    number, carry, fault = 1, b"", None
    pending: list[bytes] = []
    size = 0
    first = True
    while True:
        try:
            block = next(source, None)
        except CutOff as error:
            block, fault = None, str(error)
        if block is not None:
            if first:
                block, first = block.removeprefix(b"\xef\xbb\xbf"), False
            pending.append(block)
            size += len(block)
            if size < CHUNK_BYTES:
                continue
        data = carry + b"".join(pending)
        pending.clear()
        cut = data.rfind(b"\n") + 1
        if block is None and not fault:
            cut = len(data)
        carry, whole = data[cut:], data[:cut]
        size = len(carry)
        if whole:
            chunk, count = _split(whole, number, form)
            number += count
            yield chunk
        if block is None:
            break
    if fault:
        yield documents([], [], [Bad(number, fault, carry.decode("utf-8", "backslashreplace"))])


def _split(data: bytes, number: int, form: str) -> tuple[Chunk, int]:
    """Lines of `data` as a chunk, blank ones left out; and how many lines they were."""
    bytes_ = np.frombuffer(data, dtype=np.uint8)
    ends = np.flatnonzero(bytes_ == 10) + 1
    if not len(ends) or ends[-1] != len(data):
        ends = np.append(ends, len(data))
    starts = np.concatenate([[0], ends[:-1]])
    offsets = np.concatenate([[0], ends]).astype(np.int32)
    texts = pa.Array.from_buffers(pa.string(), len(ends), [None, pa.py_buffer(offsets), pa.py_buffer(data)])
    numbers = pa.array(np.arange(number, number + len(ends)))
    table = pa.table([numbers, texts], schema=SCHEMA)
    bad: list[Bad] = []
    try:
        texts.validate(full=True)
    except pa.ArrowInvalid:
        table, bad = _only_utf8(data, starts, ends, number)
    has_arrays = form == "json" and bool((bytes_[starts] == ord("[")).any())
    return Chunk(form, sliced(table), bad, has_arrays), len(ends)


def _only_utf8(data: bytes, starts: np.ndarray, ends: np.ndarray, number: int) -> tuple[pa.Table, list[Bad]]:
    good_numbers, good, bad = [], [], []
    for index, (start, end) in enumerate(zip(starts.tolist(), ends.tolist(), strict=True)):
        line = data[start:end]
        try:
            good.append(line.decode("utf-8"))
            good_numbers.append(number + index)
        except UnicodeDecodeError as error:
            reason = f"not UTF-8: byte 0x{line[error.start]:02x} at position {error.start + 1} of the line"
            bad.append(Bad(number + index, reason, line.decode("utf-8", "backslashreplace").rstrip("\r\n")))
    return pa.table([pa.array(good_numbers, pa.int64()), pa.array(good, pa.string())], schema=SCHEMA), bad


def _csv(file: InputFile, on_read: OnRead, header: bool) -> Iterator[Chunk]:
    """Rows of a CSV file as objects of text; empty fields are null. Without header the fields are c1, c2, …"""
    text = _TextOf(blocks_of(file.path, file.dialect.encoding, on_read))
    first = text.peek()
    delimiter = file.dialect.delimiter or max(",;\t|", key=first.count)
    quote = file.dialect.quote or None
    quoting: Literal[0, 3] = csv.QUOTE_MINIMAL if quote else csv.QUOTE_NONE
    rows = csv.reader(text, delimiter=delimiter, quotechar=quote, quoting=quoting, strict=True)
    names = [name.strip() for name in next(rows, [])] if header else []
    numbers: list[int] = []
    texts: list[str] = []
    bad: list[Bad] = []
    size = 0
    while True:
        start = rows.line_num + 1
        try:
            row = next(rows)
        except StopIteration:
            break
        except csv.Error as error:
            bad.append(Bad(start, f"not readable as CSV: {error}", text.taken().rstrip("\r\n")))
            continue
        raw = text.taken()
        if not row or (len(row) == 1 and not row[0].strip()):
            continue
        if not header and len(names) < len(row):
            names = [f"c{i}" for i in range(1, len(row) + 1)]
        if header and len(row) != len(names):
            bad.append(Bad(start, f"{len(row)} fields where the header names {len(names)}", raw.rstrip("\r\n")))
            continue
        if "\ufffe" in raw or (text.broken and any("\udc80" <= char <= "\udcff" for char in raw)):
            bad.append(
                Bad(start, "not UTF-8", raw.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace"))
            )
            continue
        document = orjson.dumps({name: value or None for name, value in zip(names, row, strict=False)}).decode()
        numbers.append(start)
        texts.append(document)
        size += len(document)
        if size > CHUNK_BYTES:
            yield documents(numbers, texts, bad)
            numbers, texts, bad, size = [], [], [], 0
    if text.fault:
        bad.append(Bad(rows.line_num + 1, text.fault, text.rest.decode("utf-8", "backslashreplace")))
    yield documents(numbers, texts, bad)


class _TextOf:
    """Lines of a file for the csv module, remembering what the row in hand is made of."""

    def __init__(self, source: Iterator[bytes]) -> None:
        self._blocks = source
        self._lines: Iterator[str] = iter(())
        self._taken: list[str] = []
        self._first = True
        self._peeked: str | None = None
        self.rest = b""
        self.fault: str | None = None
        self.broken = False

    def __iter__(self) -> _TextOf:
        return self

    def peek(self) -> str:
        self._peeked = next(self, "")
        self._taken.clear()
        return self._peeked

    def taken(self) -> str:
        text = "".join(self._taken)
        self._taken.clear()
        return text

    def __next__(self) -> str:
        if self._peeked is not None:
            line, self._peeked = self._peeked, None
            if not line:
                raise StopIteration
        else:
            line = self._next_line()
        self._taken.append(line)
        return line

    def _next_line(self) -> str:
        while True:
            line = next(self._lines, None)
            if line is not None:
                return line
            try:
                block = next(self._blocks, None)
            except CutOff as error:
                self.fault, block = str(error), None
                raise StopIteration from None
            if block is None:
                block, self.rest = self.rest, b""
                if not block:
                    raise StopIteration
                data = block
            else:
                if self._first:
                    block, self._first = block.removeprefix(b"\xef\xbb\xbf"), False
                data = self.rest + block
                cut = data.rfind(b"\n") + 1
                data, self.rest = data[:cut], data[cut:]
            text = data.decode("utf-8", "surrogateescape")
            self.broken = self.broken or not data.isascii()
            # only \n ends a line here, as in every other reader
            self._lines = iter(io.StringIO(text, newline="\n"))
