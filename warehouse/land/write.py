"""Staged rows become Parquet files of the lake, whole or not at all.

Belongs here: names, temporary names, fsync, rename. Does not belong here: which rows (stage.py, merge.py).
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from warehouse.land.files import sha256
from warehouse.land.sql import literal

if TYPE_CHECKING:
    from warehouse.land.stage import Stage

#: How every batch is written.
OPTIONS = "format parquet, compression zstd, compression_level 1, row_group_size 122880"


@dataclass(frozen=True, slots=True)
class Written:
    """A file under a temporary name; `path` is where it will be, relative to the lake."""

    part: str
    table: str
    path: Path
    temporary: Path
    rows: int
    bytes: int
    sha256: str


def lake_path(part: str, source: str, table: str, workspace: str, batch_id: str) -> Path:
    """Where a batch's file is, relative to the lake."""
    folder = Path(part) / source / table if part == "raw" else Path(part) / source
    return folder / f"workspace={workspace}" / f"batch={batch_id}.parquet"


def temporary(target: Path, kind: str = "tmp") -> Path:
    """A name beside `target` under which it is written; `remove` finds it."""
    return target.with_name(f".{target.name.removeprefix('.')}.{kind}")


def write(stage: Stage, lake: Path, part: str, table: str, path: Path, query: str) -> Written:
    """Runs `query` into a temporary file beside `path` and makes it durable."""
    target = lake / path
    target.parent.mkdir(parents=True, exist_ok=True)
    made = temporary(target)
    copied = stage.engine.execute(f"copy ({query}) to {literal(str(made))} ({OPTIONS})").fetchone()
    return sealed(part, table, path, made, copied[0] if copied else 0)


def sealed(part: str, table: str, path: Path, made: Path, rows: int) -> Written:
    """The file `made`, durable from here on, as what is to become `path`."""
    with made.open("rb+") as handle:
        os.fsync(handle.fileno())
    return Written(part, table, path, made, rows, made.stat().st_size, sha256(made))


def settle(lake: Path, files: Iterable[Written]) -> None:
    """Gives the files their names and makes the names durable. They count once the ledger says so."""
    folders = set()
    for file in files:
        file.temporary.replace(lake / file.path)
        folders.add((lake / file.path).parent)
    for folder in folders:
        sync_folder(folder)


def sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def remove(lake: Path, batch_id: str) -> None:
    """Deletes whatever files a batch left that never landed."""
    for path in lake.glob(f"**/*batch={batch_id}.parquet*"):
        path.unlink(missing_ok=True)
