"""The `csv` and `rows` readers: rows of a table as objects of text; empty fields are null.

Belongs here: delimiters, quotes, headers, and finding the next row behind a broken one.
Does not belong here: types (the contract decides), encodings (text.py).
"""

from __future__ import annotations

import csv
import io
import re
from collections import deque
from collections.abc import Iterator
from typing import Any

import orjson

from nexus.contracts import Dialect
from warehouse.land.chunk import CHUNK_BYTES, CHUNK_ROWS, Bad, Chunk, documents
from warehouse.land.refuse import Unreadable
from warehouse.land.text import GUESS, Rest, excerpt, pieces

#: Characters of one field. A quote that is never closed would otherwise swallow the rest of the file.
FIELD_LIMIT = 1024 * 1024
_SEPARATOR = re.compile(r'"?sep=(.)"?\r?\n?')
#: What is left of bytes that are no UTF-8.
_LOST = re.compile("[\udc80-\udcff]")


def csv_rows(source: Iterator[bytes], name: str, dialect: Dialect, header: bool) -> Iterator[Chunk]:
    """Rows of the table in file `name`. Without `header` the fields are c1, c2, …

    A row that is no row goes to quarantine by itself: where a quote that was never closed has swallowed the lines
    behind it, these are read again. Raises Unreadable when the header is no text.
    """
    text = _Lines(source)
    delimiter = dialect.delimiter or _delimiter(text)
    csv.field_size_limit(FIELD_LIMIT)
    quoting: dict[str, Any] = (
        {"quotechar": dialect.quote} if dialect.quote else {"quoting": csv.QUOTE_NONE, "quotechar": None}
    )
    rows: Any = csv.reader(text, delimiter=delimiter, strict=True, **quoting)
    names: list[str] = []
    numbers: list[int] = []
    texts: list[str] = []
    bad: list[Bad] = text.bad
    size = 0
    while True:
        text.begin()
        fault = None
        try:
            row = next(rows)
        except StopIteration:
            break
        except csv.Error as error:
            row, fault = [], f"not readable as CSV: {error}"
        if fault is None and (not row or (len(row) == 1 and not row[0].strip())):
            continue
        if fault is None and header and not names:
            names = _names(row, name)
            continue
        if not header and len(names) < len(row):
            names = [f"c{i}" for i in range(1, len(row) + 1)]
        if fault is None and header and len(row) != len(names):
            fault = f"{_fields(len(row))} where the header names {len(names)}"
        start = text.start
        if fault is not None:
            raw = text.taken() if row else text.first_only()
            over = " (a quote that is never closed?)" if text.again else ""
            bad.append(Bad(start, fault + over, excerpt(raw.encode("utf-8", "surrogateescape"))))
            continue
        document = orjson.dumps if not text.broken else _escaped
        made = document({name: value or None for name, value in zip(names, row, strict=False)})
        size += len(made)
        if text.broken and b"\\x" in made and any(map(_LOST.search, row)):
            bad.append(Bad(start, _not_utf8(row, names), excerpt(made)))
        else:
            numbers.append(start)
            texts.append(made.decode())
        if size > CHUNK_BYTES or len(numbers) >= CHUNK_ROWS:
            yield documents(numbers, texts, bad.copy())
            numbers, texts, size = [], [], 0
            bad.clear()
    yield documents(numbers, texts, bad)


def _delimiter(text: _Lines) -> str:
    """The sign that the first line has most of; or the one that it names, as spreadsheets do."""
    first = text.peek()
    named = _SEPARATOR.fullmatch(first)
    if named:
        text.begin()
        next(text)
        return named[1]
    return max(",;\t|", key=first.count)


def _names(row: list[str], file: str) -> list[str]:
    """Names of the columns; those without one are called by their place, those called alike are numbered."""
    if any(map(_LOST.search, row)):
        raise Unreadable(
            f"{file}: its header is {_not_utf8(row, [f'column {n}' for n in range(1, len(row) + 1)])}",
            remedy=f"say how it is encoded, mostly --encoding {GUESS}, or save it as UTF-8",
        )
    names: list[str] = []
    for place, given in enumerate(row, 1):
        name = base = given.strip() or f"column_{place}"
        count = 1
        while name in names:
            count += 1
            name = f"{base}_{count}"
        names.append(name)
    return names


def _fields(count: int) -> str:
    return f"{count} field" + ("" if count == 1 else "s")


def _escaped(row: dict[str, str | None]) -> bytes:
    """The row as JSON; bytes that are no UTF-8 stand in it as \\xNN, which no JSON allows: see text.reread."""
    plain = {
        name: value and _LOST.sub(lambda m: f"\ue000{ord(m[0]) - 0xDC00:02x}", value) for name, value in row.items()
    }
    made = orjson.dumps(plain)
    return made if plain == row else made.replace("\ue000".encode(), b"\\x")


def _not_utf8(row: list[str], names: list[str]) -> str:
    for name, value in zip(names, row, strict=False):
        found = _LOST.search(value)
        if found:
            return f"not UTF-8: byte 0x{ord(found[0]) - 0xDC00:02x} at position {found.start() + 1} of {name}"
    return "not UTF-8"


class _Lines:
    """Lines of a text for the csv module, which can be put back."""

    def __init__(self, source: Iterator[bytes]) -> None:
        self._pieces = pieces(source)
        self._ready: deque[str] = deque()
        self._coming: Iterator[str] = iter(())
        self._taken: list[str] = []
        self._number = 0
        #: Faults that no row holds: lines beyond all measure, the end of a file that is cut off.
        self.bad: list[Bad] = []
        #: Whether the last fault had lines behind it that are read again.
        self.again = False
        #: Whether the text in hand has more than ASCII in it.
        self.broken = False

    def __iter__(self) -> _Lines:
        return self

    def begin(self) -> None:
        """A new row begins."""
        self._taken.clear()

    @property
    def start(self) -> int:
        """Number of the first line of the row in hand."""
        return self._number - len(self._taken) + 1

    def peek(self) -> str:
        line = next(self, "")
        self._put_back(1 if line else 0)
        return line

    def taken(self) -> str:
        self.again = False
        return "".join(self._taken)

    def first_only(self) -> str:
        """The first line of the row in hand; those behind it are read again."""
        first = self._taken[0] if self._taken else ""
        self.again = len(self._taken) > 1
        self._put_back(len(self._taken) - 1)
        return first

    def _put_back(self, count: int) -> None:
        for _ in range(max(count, 0)):
            self._ready.appendleft(self._taken.pop())
            self._number -= 1

    def __next__(self) -> str:
        line = self._ready.popleft() if self._ready else next(self._coming, None)
        while line is None:
            self._more()
            line = next(self._coming, None)
        self._number += 1
        self._taken.append(line)
        return line

    def _more(self) -> None:
        piece = next(self._pieces)
        if isinstance(piece, Rest):
            self._number += 1
            self.bad.append(Bad(self._number, piece.reason, excerpt(piece.data)))
            return
        self.broken = not piece.isascii()
        # only \n ends a line here, as in every other reader
        self._coming = iter(io.StringIO(piece.decode("utf-8", "surrogateescape"), newline="\n"))
