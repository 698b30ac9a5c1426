"""Rows whose id may have been met before, found by hashes of ids.

Belongs here: sorting and comparing hashes, a part of their range at a time, so that memory does not grow with a batch.
Does not belong here: what to do about such rows (merge.py). Two ids may share a hash: this only narrows the search.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import duckdb
import numpy as np

from warehouse.land.sql import pattern

#: Hashes that are looked at and sorted at once: 8 MB of them.
PIECE = 1_000_000


class Hashes:
    """Hashes in a file, read a stretch at a time: mapped into memory as a whole they would all stay there."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._count = path.stat().st_size // np.dtype(np.uint64).itemsize

    def __len__(self) -> int:
        return self._count

    def __getitem__(self, stretch: slice) -> np.ndarray:
        begin, end, _ = stretch.indices(self._count)
        return np.fromfile(self._path, np.uint64, max(end - begin, 0), offset=begin * np.dtype(np.uint64).itemsize)


def met_again(
    keys: np.ndarray | Hashes, engine: duckdb.DuckDBPyConnection, lake: Sequence[Path], piece: int = PIECE
) -> np.ndarray:
    """Numbers of the rows whose hash stands more than once in `keys`, or in `_record_key` of a file of the lake."""
    parts = 1 << max(0, (len(keys) - 1) // piece).bit_length()
    rows = [_rows(keys, part, parts, engine, lake) for part in range(parts)]
    return np.sort(np.concatenate(rows)) if rows else np.empty(0, np.int64)


def _rows(
    keys: np.ndarray | Hashes, part: int, parts: int, engine: duckdb.DuckDBPyConnection, lake: Sequence[Path]
) -> np.ndarray:
    mine = np.sort(np.concatenate([k for _, k in _slices(keys, part, parts)] or [np.empty(0, np.uint64)]))
    if not len(mine):
        return np.empty(0, np.int64)
    met = [mine[1:][mine[1:] == mine[:-1]]]
    for theirs in _of_lake(engine, lake):
        theirs = theirs[_part_of(theirs, parts) == part]
        at = np.searchsorted(mine, theirs)
        at[at == len(mine)] = 0
        met.append(theirs[mine[at] == theirs])
    wanted = np.unique(np.concatenate(met))
    if not len(wanted):
        return np.empty(0, np.int64)
    found = [begin + np.flatnonzero(np.isin(k, wanted)) for begin, k in _slices(keys, 0, 1)]
    return np.concatenate(found)


def _slices(keys: np.ndarray | Hashes, part: int, parts: int) -> Iterator[tuple[int, np.ndarray]]:
    """Hashes of a part of the range, from a slice of `keys` at a time; with where the slice begins."""
    for begin in range(0, len(keys), PIECE):
        slice_ = keys[begin : begin + PIECE]
        yield begin, slice_ if parts == 1 else slice_[_part_of(slice_, parts) == part]


def _part_of(keys: np.ndarray, parts: int) -> np.ndarray:
    """By their highest bits."""
    return keys >> np.uint64(64 - parts.bit_length() + 1) if parts > 1 else np.zeros(len(keys), np.uint64)


def _of_lake(engine: duckdb.DuckDBPyConnection, lake: Sequence[Path]) -> Iterator[np.ndarray]:
    if lake:
        files = [pattern(path) for path in lake]
        found = engine.execute(
            "select hash(_record_key) as k from read_parquet($1, union_by_name = true, hive_partitioning = false)",
            [files],
        ).to_arrow_reader(200_000)
        for batch in found:
            yield batch.column(0).to_numpy()
