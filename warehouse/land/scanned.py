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
#: Bytes of a number, by which those of columns are put in order; those of a bit stand among other bits.
_WIDTHS = {Kind.decimal: 16, Kind.integer: 8, Kind.timestamp: 8, Kind.date: 4, Kind.boolean: 0}
_TYPES = {
    Kind.decimal: pa.decimal128(38, 9), Kind.integer: pa.int64(), Kind.timestamp: pa.timestamp("us"), Kind.date: pa.date32(),
    Kind.boolean: pa.bool_(),
}  # fmt: skip
#: Rows for which there is room are a multiple of this, so that all columns begin where Arrow wants them to.
_ALIGNED = 64


class Scanner:
    """Scans pieces of documents of `table` into columns. Texts are copied out of memory that is fetched once, for the
    largest piece, because nobody knows beforehand how long they are; all others are written where they stay.
    """

    def __init__(self, table: Table, library: ctypes.CDLL) -> None:
        self._library = library
        self._table = table
        #: Those of columns, what is left, and what hashes are of.
        self._count = sum(c.kind is Kind.string for c in table.columns) + 2
        self._slots, self._row_bytes, self._bits = _slots(table)
        self._id = next((n for n, column in enumerate(table.columns) if column.name == table.id), -1)
        self._plan: dict[str, np.ndarray] = {}
        self._out: dict[str, np.ndarray] = {}
        self._texts, self._odd = np.empty(0, np.uint8), np.empty(0, np.uint8)
        self._capacity = self._room = self._rows = self._last = self._stencils = 0
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
            texts=self._count, room=self._room, rows=self._capacity, id=self._id,
        )  # fmt: skip
        out = native.Out(**_addresses(self._out | {"texts": self._texts, "odd": self._odd}))
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
        return self._odd[: self._rows] != 0  # type: ignore[no-any-return]

    def met(self) -> np.ndarray:
        """Which stencils the documents of the piece are spelt like."""
        return np.flatnonzero(self._out["met"])

    def columns(self) -> dict[str, pa.Array]:
        """Values of the columns of the contract, and `_extra`; of odd documents they mean nothing."""
        numbers, bits = pa.py_buffer(self._out["numbers"]), pa.py_buffer(self._out["bits"])

        def bitmap(number: int) -> pa.Buffer:
            return bits.slice(number * self._capacity // 8, self._capacity // 8)

        def column(number: int, column: Column) -> pa.Array:
            slot, width = self._slots[column.name], _WIDTHS.get(column.kind, 0)
            if column.kind is Kind.string:
                return self._text(slot, bitmap(number))
            values = numbers.slice(slot * self._capacity, width * self._capacity) if width else bitmap(slot)
            return pa.Array.from_buffers(_TYPES[column.kind], self._rows, [bitmap(number), values])

        found = {c.name: column(n, c) for n, c in enumerate(self._table.columns)}
        return found | {"_extra": self._text(self._count - 2, bitmap(len(found)))}

    def hashes(self) -> tuple[np.ndarray, np.ndarray]:
        """Hashes of the documents, and of their ids where they have one."""
        return self._out["hashes"][: self._rows], self._out["keys"][: self._rows]

    def _text(self, slot: int, valid: pa.Buffer) -> pa.Array:
        ends = self._out["ends"][slot, : self._rows + 1]
        begin = slot * self._room
        data = self._texts[begin : begin + ends[-1]].copy()
        return pa.Array.from_buffers(pa.string(), self._rows, [valid, pa.py_buffer(ends), pa.py_buffer(data)])

    def _make_room(self, rows: int, size: int) -> None:
        if self._room < size:
            self._room, self._texts = size, np.empty(self._count * size, np.uint8)
        self._capacity = -(-rows // _ALIGNED) * _ALIGNED
        if len(self._odd) < self._capacity:
            self._odd = np.empty(self._capacity, np.uint8)
        ends = np.empty((self._count, self._capacity + 1), np.int32)
        ends[:, 0] = 0
        self._out = {
            "ends": ends,
            "numbers": np.empty(self._row_bytes * self._capacity, np.uint8),
            "bits": np.zeros(self._bits * self._capacity // 8, np.uint8),
            "met": np.zeros(self._stencils, np.uint8),
            "hashes": np.empty(self._capacity, np.uint64),
            "keys": np.empty(self._capacity, np.uint64),
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
            "columns": _matrix(self._columns(), 8),
            "words": _matrix(words, 2),
        }

    def _columns(self) -> Iterator[list[int]]:
        word = 0
        for column in self._table.columns:
            slot, width = self._slots[column.name], _WIDTHS.get(column.kind, 0)
            optional = not column.required and column.name != self._table.id
            yield [slot, width, optional, *self._bounds(column), word, len(column.values)]
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


def _slots(table: Table) -> tuple[dict[str, int], int, int]:
    """`slot` of each column, the bytes of the numbers of a row, and how many bits there are of it."""
    found: dict[str, int] = {}
    texts, row_bytes, bits = 0, 0, len(table.columns) + 1
    for column in sorted(table.columns, key=lambda c: -_WIDTHS.get(c.kind, 0)):
        if column.kind is Kind.string:
            found[column.name], texts = texts, texts + 1
        elif column.kind is Kind.boolean:
            found[column.name], bits = bits, bits + 1
        else:
            found[column.name] = row_bytes
            row_bytes += _WIDTHS[column.kind]
    return found, row_bytes, bits


def _addresses(arrays: Mapping[str, np.ndarray]) -> dict[str, int]:
    return {name: array.ctypes.data for name, array in arrays.items()}
