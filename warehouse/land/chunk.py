"""What readers hand on: documents with their line numbers, and texts that are none.

Belongs here: the shapes and their sizes. Does not belong here: reading (read*.py), parsing (stage.py).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa

CHUNK_BYTES = 4 * 1024 * 1024
#: Rows of one record batch: the engine spreads batches over its threads.
SLICE = 2048
#: Rows of a chunk: a document's number within its chunk has 20 bits.
CHUNK_ROWS = 500_000
SCHEMA = pa.schema([("_line", pa.int64()), ("_text", pa.string())])
OnRead = Callable[[int], None]


@dataclass(slots=True)
class Bad:
    """Text that is no document."""

    line: int
    reason: str
    raw: str


@dataclass(frozen=True, slots=True)
class Spelling:
    """What a look at lines of JSON tells without parsing them.

    `names` counts the names in each, those of inner objects too: never fewer than there are, -1 where that is not sure.
    `dense` lines have no blank beside a name's colon or comma, and end with a newline; `escapes`: one has a backslash.
    """

    names: np.ndarray
    dense: bool
    escapes: bool

    @staticmethod
    def of_all(spellings: Sequence[Spelling | None]) -> Spelling | None:
        """That of neighbouring lines together; None where one of them is not known."""
        known = [each for each in spellings if each is not None]
        if len(known) < len(spellings):
            return None
        names = np.concatenate([each.names for each in known])
        return Spelling(names, all(each.dense for each in known), any(each.escapes for each in known))


@dataclass(slots=True)
class Chunk:
    """`form` says what `_text` holds: `json` (to be parsed), `doc` (known to be one JSON value) or `line`.

    `unread` counts the bytes behind faults in which no document was found and which quarantine does not keep as a whole.
    """

    form: str
    table: pa.Table
    bad: list[Bad] = field(default_factory=list)
    has_arrays: bool = False
    spelling: Spelling | None = None
    unread: int = 0


def documents(numbers: list[int], texts: list[str], bad: list[Bad], form: str = "doc") -> Chunk:
    """A chunk from Python values."""
    batch = pa.table([pa.array(numbers, pa.int64()), pa.array(texts, pa.string())], schema=SCHEMA)
    return Chunk(form, sliced(batch), bad)


def sliced(table: pa.Table) -> pa.Table:
    return pa.Table.from_batches(table.combine_chunks().to_batches(max_chunksize=SLICE), schema=SCHEMA)
