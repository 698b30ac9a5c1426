"""Columns of the documents of a table that are spelt like its stencils.

Belongs here: what compiled code is told and where it writes, and Arrow arrays of that. Does not belong here: the loop over
bytes (scan.c), which stencils there are (stencils.py).
"""

from __future__ import annotations

import ctypes
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import accumulate

import numpy as np
import pyarrow as pa

from nexus.contracts import Column, Kind, Table
from nexus.errors import NexusError
from warehouse.land import native
from warehouse.land.casts import epoch
from warehouse.land.stencil import Stencil

_BILLION, _LARGEST = 10**9, 2**63 - 1
_OFFSET_BYTES = 4


class Scanner:
    """Scans pieces of documents of `table` into columns. Memory is fetched once, for the largest piece."""

    def __init__(self, table: Table, library: ctypes.CDLL) -> None:
        self._library = library
        self._table = table
        self._texts = [c.name for c in table.columns if c.kind is Kind.string]
        self._numbers = [c.name for c in table.columns if c.kind is not Kind.string]
        self._id = next((n for n, column in enumerate(table.columns) if column.name == table.id), -1)
        self._plan: dict[str, np.ndarray] = {}
        self._out: dict[str, np.ndarray] = {}
        self._room = self._capacity = self._rows = self._last = self._stencils = 0
        self._rewrites = False
        self.use([])

    def use(self, stencils: Sequence[Stencil]) -> None:
        """Documents are scanned by `stencils` from now on."""
        self._plan = self._planned(stencils)
        self._rewrites = not all(each.as_written for each in stencils)
        self._stencils, self._last = len(stencils), 0

    def take(self, documents: pa.ChunkedArray) -> np.ndarray:
        """Scans texts; which of them are odd."""
        self._make_room(len(documents), sum(chunk.nbytes for chunk in documents.chunks))
        plan = native.Plan(
            **_addresses(self._plan), stencils=self._stencils, columns_count=len(self._table.columns),
            texts=len(self._texts) + 2, room=self._room, rows=self._capacity, id=self._id,
        )  # fmt: skip
        out = native.Out(**_addresses(self._out))
        self._rows = 0
        for chunk in documents.chunks:
            _, offsets, text = chunk.buffers()
            first = offsets.address + chunk.offset * _OFFSET_BYTES
            self._last = self._library.scan(
                plan, out, text.address if text else None, first, len(chunk), self._rows, self._last, self._rewrites
            )
            if self._last < 0:
                raise NexusError(
                    "a document is longer than the room that was made for it", remedy="report this as a defect"
                )
            self._rows += len(chunk)
        return self._out["odd"][: self._rows] != 0  # type: ignore[no-any-return]

    def met(self) -> np.ndarray:
        """Which stencils the documents of the piece are spelt like."""
        return np.unique(self._out["stencil"][: self._rows][self._out["odd"][: self._rows] == 0])

    def columns(self) -> dict[str, pa.Array]:
        """Values of the columns of the contract, and `_extra`; of odd documents they mean nothing."""
        found = {c.name: self._column(n, c) for n, c in enumerate(self._table.columns)}
        return found | {"_extra": self._text(len(self._texts), self._valid(len(self._table.columns)))}

    def hashes(self) -> tuple[np.ndarray, np.ndarray]:
        """Hashes of the documents, and of their ids where they have one."""
        return self._out["hashes"][: self._rows].copy(), self._out["keys"][: self._rows].copy()

    def _column(self, number: int, column: Column) -> pa.Array:
        valid = self._valid(number)
        if column.kind is Kind.string:
            return self._text(self._texts.index(column.name), valid)
        values = self._out["numbers"][self._numbers.index(column.name), : self._rows]
        match column.kind:
            case Kind.boolean:
                kind, data = pa.bool_(), _bits(values != 0)
            case Kind.decimal:
                # 128 bits, of which the upper half is the sign
                kind, data = pa.decimal128(38, 9), np.column_stack([values, values >> 63])
            case Kind.date:
                kind, data = pa.date32(), values.astype(np.int32)
            case Kind.timestamp:
                kind, data = pa.timestamp("us"), values.copy()
            case _:
                kind, data = pa.int64(), values.copy()
        return pa.Array.from_buffers(kind, self._rows, [valid, pa.py_buffer(data)])

    def _text(self, slot: int, valid: pa.Buffer | None) -> pa.Array:
        ends = self._out["ends"][slot, : self._rows + 1].copy()
        begin = slot * self._room
        data = self._out["texts"][begin : begin + ends[-1]].copy()
        return pa.Array.from_buffers(pa.string(), self._rows, [valid, pa.py_buffer(ends), pa.py_buffer(data)])

    def _valid(self, number: int) -> pa.Buffer | None:
        there = self._out["valid"][number, : self._rows]
        return None if there.all() else pa.py_buffer(_bits(there))

    def _make_room(self, rows: int, size: int) -> None:
        # each document, and a line end
        size += 2 * rows + 1
        if self._capacity >= rows and self._room >= size:
            return
        self._capacity, self._room = max(rows, self._capacity), max(size, self._room)
        texts = len(self._texts) + 2
        self._out = {
            "texts": np.empty(texts * self._room, np.uint8),
            "ends": np.zeros((texts, self._capacity + 1), np.int32),
            "numbers": np.zeros((len(self._numbers), self._capacity), np.int64),
            "valid": np.zeros((len(self._table.columns) + 1, self._capacity), np.uint8),
            "stencil": np.zeros(self._capacity, np.int64),
            "odd": np.zeros(self._capacity, np.uint8),
            "hashes": np.zeros(self._capacity, np.uint64),
            "keys": np.zeros(self._capacity, np.uint64),
        }

    def _planned(self, stencils: Sequence[Stencil]) -> dict[str, np.ndarray]:
        literals = _Literals()
        names = [c.name for c in self._table.columns]
        steps: list[list[int]] = []
        for each in stencils:
            left = iter(each.left)
            for n, column in enumerate((*each.columns, "")):
                is_end = n == len(each.columns)
                kind = native.END if is_end else self._kind(column)
                before = next(left, "") if is_end or column is None else ""
                place = names.index(column) if column else 0
                steps.append(
                    [*literals.add(each.literals[n]), kind, place, *literals.add(before), *literals.add(each.hashed[n])]
                )
        words = [literals.add(word) for c in self._table.columns for word in c.values]
        return {
            "literals": np.frombuffer(bytes(literals.data), np.uint8),
            "first": np.array([0, *accumulate(len(each.literals) for each in stencils)], np.int64),
            "steps": _matrix(steps, 8),
            "columns": _matrix(self._columns(), 7),
            "words": _matrix(words, 2),
        }

    def _columns(self) -> Iterator[list[int]]:
        word = 0
        for column in self._table.columns:
            slot = (self._texts if column.kind is Kind.string else self._numbers).index(column.name)
            optional = not column.required and column.name != self._table.id
            yield [slot, optional, *self._bounds(column), word, len(column.values)]
            word += len(column.values)

    def _kind(self, name: str | None) -> int:
        if name is None:
            return native.UNNAMED
        column = self._table.column(name)
        if column.kind is Kind.timestamp:
            return native.INSTANT if column.format == "iso" else native.EPOCH
        kinds = {
            Kind.string: native.STRING, Kind.integer: native.INTEGER, Kind.decimal: native.DECIMAL,
            Kind.boolean: native.BOOLEAN, Kind.date: native.DAY,
        }  # fmt: skip
        return kinds[column.kind]

    def _bounds(self, column: Column) -> tuple[int, int, int]:
        """Least and greatest number as it is written (a decimal times 10^9), and what it is multiplied by."""
        if column.kind is Kind.timestamp and column.format != "iso":
            scale, first, last = epoch(column)
            return first, last, scale
        unit = _BILLION if column.kind is Kind.decimal else 1
        most = min((column.limit or _LARGEST) * unit, _LARGEST)
        least = -most if column.minimum is None else min(max(column.minimum * unit, -most), _LARGEST)
        return least, most, 1


class _Literals:
    """Texts one after another."""

    def __init__(self) -> None:
        self.data = bytearray()

    def add(self, text: str) -> tuple[int, int]:
        """Where `text` begins and ends."""
        begin = len(self.data)
        self.data += text.encode()
        return begin, len(self.data)


def _matrix(rows: Iterable[Sequence[int]], width: int) -> np.ndarray:
    return np.array(list(rows), np.int64).reshape(-1, width)


def _bits(values: np.ndarray) -> np.ndarray:
    return np.packbits(values.astype(np.bool_), bitorder="little")


def _addresses(arrays: Mapping[str, np.ndarray]) -> dict[str, int]:
    return {name: array.ctypes.data for name, array in arrays.items()}
