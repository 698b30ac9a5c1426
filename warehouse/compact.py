"""Many small files of the lake become one: the rows stay what they are, and so does what each batch brought.

Belongs here: which files are worth merging, merging them, the switch in the ledger, deleting what was replaced.
Does not belong here: reading the lake (land/merge.py, engines/incoming.py), Dagster.

    merge (under a temporary name) → rename → switch (one transaction of the ledger) → later: delete what was replaced

The quarantine of a source is merged like a table. A row says by `_batch_id` whose it is and keeps its place among the rows of its batch, so order, provenance and "which
batches has this warehouse seen" mean the same before and after. Killed before the switch, a file lies there that nobody
refers to; the next compaction deletes it. Killed after it, the replaced files are deleted later.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import astuple, dataclass
from datetime import timedelta
from pathlib import Path

import duckdb

from nexus.errors import ConflictError, NexusError
from nexus.ids import new_id
from nexus.settings import Settings
from warehouse import ledger
from warehouse.land.driver import lock_name
from warehouse.land.files import sha256
from warehouse.land.sql import literal
from warehouse.land.write import OPTIONS, lake_path, sync_folder
from warehouse.publish import build_lock

#: Files up to half of this are small; a merged file is at most about this large.
TARGET_BYTES = 128 * 1024 * 1024
#: So many small files of a table and workspace are worth merging.
FEWEST = 8
#: How long a replaced file stays, for readers that have looked up its name before the switch.
GRACE = timedelta(hours=1)
_PREFIX = "compact="


@dataclass(frozen=True, slots=True)
class Compacted:
    """What was done for one table of one workspace, or for the quarantine of a source (`part`, then `table` is empty).

    Bytes are those of the files that were merged, before and after.
    """

    workspace: str
    source: str
    table: str
    part: str
    files_before: int
    files_after: int
    rows: int
    bytes_before: int
    bytes_after: int


@dataclass(frozen=True, slots=True)
class _Place:
    """Whose files are merged with one another."""

    workspace: str
    source: str
    table: str
    part: str

    @property
    def batch_column(self) -> str:
        return "batch_id" if self.part == "quarantine" else "_batch_id"

    def folder(self, settings: Settings) -> Path:
        return (settings.lake / lake_path(self.part, self.source, self.table, self.workspace, "any")).parent


@dataclass(frozen=True, slots=True)
class _File:
    path: str
    batches: tuple[str, ...]
    rows: int
    bytes: int


def compact(
    settings: Settings,
    *,
    workspace: str | None = None,
    source: str | None = None,
    fewest: int = FEWEST,
    target_bytes: int = TARGET_BYTES,
    grace: timedelta = GRACE,
    on_table: Callable[[str, int, int], None] | None = None,
    checkpoint: Callable[[str], None] = lambda _: None,
) -> list[Compacted]:
    """Merges small files of every table and quarantine (of one workspace, of one source). Landings of other sources go on
    meanwhile.
    """
    done: list[Compacted] = []
    with ledger.connect(settings) as connection:
        folders = connection.execute(
            """select b.workspace_id, p.source, p.table_name, p.part from batch_part p join batch b using (batch_id)
               where b.status = 'landed'
                 and (%(workspace)s::text is null or b.workspace_id = %(workspace)s)
                 and (%(source)s::text is null or p.source = %(source)s)
               group by 1, 2, 3, 4 having count(distinct p.path) >= %(fewest)s order by 1, 2, 3, 4""",
            {"workspace": workspace, "source": source, "fewest": fewest},
        ).fetchall()
        for number, row in enumerate(folders):
            where = _Place(row["workspace_id"], row["source"], row["table_name"], row["part"])
            if on_table:
                on_table(f"{where.workspace} {where.source}.{where.table or where.part}", number, len(folders))
            with ledger.locked(connection, lock_name(where.workspace, where.source)):
                _forget_unfinished(connection, settings, where)
                groups = list(_worth_merging(_files(connection, settings, where), fewest, target_bytes))
                merged = [_merge(connection, settings, where, group, checkpoint) for group in groups]
            if merged:
                done.append(_sum(where, merged))
        delete_leftovers(settings, grace)
    return done


def delete_leftovers(settings: Settings, grace: timedelta = GRACE) -> int:
    """Deletes replaced files that nobody can be reading any more; how many.

    A load in flight holds the build lock: then they stay until next time.
    """
    with ledger.connect(settings) as connection:
        rows = connection.execute(
            "select path from lake_leftover where replaced_at <= (now() at time zone 'utc') - %s", [grace]
        ).fetchall()
        if not rows:
            return 0
        try:
            with build_lock(settings):
                for row in rows:
                    (settings.lake / row["path"]).unlink(missing_ok=True)
        except ConflictError:
            return 0
        connection.execute("delete from lake_leftover where path = any(%s)", [[row["path"] for row in rows]])
    return len(rows)


def _files(connection: ledger.Connection, settings: Settings, where: _Place) -> dict[str, list[_File]]:
    """Files in the order of what they brought, by the columns that they hold: unlike ones are never merged."""
    rows = connection.execute(
        """select p.path, array_agg(p.batch_id order by b.seq) as batches, sum(p.row_count)::bigint as rows
           from batch_part p join batch b using (batch_id)
           where b.status = 'landed'
             and b.workspace_id = %s and p.source = %s and p.table_name = %s and p.part = %s
           group by p.path order by min(b.seq)""",
        astuple(where),
    ).fetchall()
    alike: dict[str, list[_File]] = {}
    with duckdb.connect() as engine:
        for row in rows:
            path = settings.lake / row["path"]
            columns = engine.execute(f"describe select * from read_parquet({literal(str(path))})").fetchall()
            shape = repr([column[:2] for column in columns])
            found = _File(row["path"], tuple(row["batches"]), row["rows"], path.stat().st_size)
            alike.setdefault(shape, []).append(found)
    return alike


def _worth_merging(alike: dict[str, list[_File]], fewest: int, target_bytes: int) -> Iterator[list[_File]]:
    """Groups of small files. The largest waits while it outweighs all others, so that no row is written often."""
    for files in alike.values():
        small = sorted((f for f in files if f.bytes <= target_bytes // 2), key=lambda f: f.bytes)
        while len(small) >= fewest and small[-1].bytes > sum(f.bytes for f in small[:-1]):
            small.pop()
        if len(small) < fewest:
            continue
        group: list[_File] = []
        for file in [f for f in files if f in small]:
            if group and sum(f.bytes for f in group) + file.bytes > target_bytes:
                yield group
                group = []
            group.append(file)
        if len(group) > 1:
            yield group


def _merge(
    connection: ledger.Connection,
    settings: Settings,
    where: _Place,
    group: Sequence[_File],
    checkpoint: Callable[[str], None],
) -> tuple[Sequence[_File], _File]:
    folder = where.folder(settings)
    target = folder / f"{_PREFIX}{new_id('cmp')}.parquet"
    temporary = target.with_name(f".{target.name}.tmp")
    listed = ", ".join(literal(str(settings.lake / f.path)) for f in group)
    with duckdb.connect(config={"memory_limit": settings.duckdb_memory_limit}) as engine:
        engine.execute("set preserve_insertion_order = true")  # rows keep their order within their batch
        engine.execute(
            f"copy (from read_parquet([{listed}], hive_partitioning = false)) to {literal(str(temporary))} ({OPTIONS})"
        )
        written = dict(
            engine.execute(
                f"select {where.batch_column}, count(*) from read_parquet({literal(str(temporary))}) group by 1"
            ).fetchall()
        )
    batches = [batch for f in group for batch in f.batches]
    expected = connection.execute(
        "select batch_id, row_count from batch_part where source = %s and table_name = %s and part = %s"
        " and batch_id = any(%s)",
        [where.source, where.table, where.part, batches],
    ).fetchall()
    if written != {row["batch_id"]: row["row_count"] for row in expected if row["row_count"]}:
        temporary.unlink()
        raise NexusError(
            f"merging {len(group)} files in {folder} would change the rows of a batch; nothing was switched",
            remedy="report this as a defect; landing and building go on with the files as they are",
        )
    with temporary.open("rb+") as handle:
        os.fsync(handle.fileno())
    checkpoint("written")
    digest, size = sha256(temporary), temporary.stat().st_size
    temporary.replace(target)
    sync_folder(folder)
    checkpoint("renamed")
    made = _File(target.relative_to(settings.lake).as_posix(), tuple(batches), sum(f.rows for f in group), size)
    with connection.transaction():
        connection.execute(
            "update batch_part set path = %s, byte_count = %s, sha256 = %s"
            " where source = %s and table_name = %s and part = %s and batch_id = any(%s)",
            [made.path, size, digest, where.source, where.table, where.part, batches],
        )
        connection.execute(
            "insert into lake_leftover (path, workspace_id, source) select p, %s, %s from unnest(%s::text[]) p",
            [where.workspace, where.source, [f.path for f in group]],
        )
    checkpoint("switched")
    return group, made


def _forget_unfinished(connection: ledger.Connection, settings: Settings, where: _Place) -> None:
    """Deletes what a compaction that was killed has left behind. The caller holds the lock of the source."""
    folder = where.folder(settings)
    for temporary in folder.glob(f".{_PREFIX}*.tmp"):
        temporary.unlink(missing_ok=True)
    there = {path.relative_to(settings.lake).as_posix(): path for path in folder.glob(f"{_PREFIX}*.parquet")}
    known = connection.execute(
        "select path from batch_part where path = any(%(paths)s) union select path from lake_leftover where path = any(%(paths)s)",
        {"paths": list(there)},
    ).fetchall()
    for name in there.keys() - {row["path"] for row in known}:
        there[name].unlink(missing_ok=True)


def _sum(where: _Place, merged: Sequence[tuple[Sequence[_File], _File]]) -> Compacted:
    before = [file for group, _ in merged for file in group]
    after = [made for _, made in merged]
    return Compacted(
        workspace=where.workspace,
        source=where.source,
        table=where.table,
        part=where.part,
        files_before=len(before),
        files_after=len(after),
        rows=sum(f.rows for f in after),
        bytes_before=sum(f.bytes for f in before),
        bytes_after=sum(f.bytes for f in after),
    )
