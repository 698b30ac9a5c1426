"""Arrow arrays over memory that is there already.

Belongs here: arrays without a copy, and relations whose rows change. Does not belong here: what they mean.
"""

from __future__ import annotations

from typing import Any

import duckdb
import numpy as np
import pyarrow as pa

from warehouse.land import native

#: The two digits of each byte.
_DIGITS = np.frombuffer("".join(f"{byte:02x}" for byte in range(256)).encode(), np.uint16)


def numbers(values: np.ndarray) -> pa.Array:
    """Numbers without a copy."""
    return pa.Array.from_buffers(pa.from_numpy_dtype(values.dtype), len(values), [None, pa.py_buffer(values)])


def hexadecimal(values: np.ndarray) -> pa.Array:
    """Numbers of 64 bits as texts of sixteen digits."""
    library = native.at_hand()
    if library is None:
        digits = _DIGITS[values.astype(">u8").view(np.uint8)].view(np.uint8)
    else:
        values, digits = np.ascontiguousarray(values, np.uint64), np.empty(16 * len(values), np.uint8)
        library.hexadecimal(values.ctypes.data, len(values), digits.ctypes.data)
    ends = np.arange(len(values) + 1, dtype=np.int32) * 16
    return pa.Array.from_buffers(pa.string(), len(values), [None, pa.py_buffer(ends), pa.py_buffer(digits)])


def as_json(texts: pa.ChunkedArray) -> pa.ChunkedArray:
    """The same texts, for the engine to take as JSON without looking."""
    kind = pa.json_(pa.string())
    return pa.chunked_array([pa.ExtensionArray.from_storage(kind, chunk) for chunk in texts.chunks], kind)


class Relation:
    """A relation of the engine that is given other rows for each piece, so that statements over it are planned once."""

    def __init__(self, engine: duckdb.DuckDBPyConnection, name: str, schema: pa.Schema) -> None:
        self._nothing = schema.empty_table()
        self.rows = self._nothing
        engine.register(name, self)

    def clear(self) -> None:
        self.rows = self._nothing

    def __arrow_c_stream__(self, requested_schema: Any = None) -> Any:
        """The rows, as the engine asks for them with every statement."""
        return self.rows.__arrow_c_stream__(requested_schema)
