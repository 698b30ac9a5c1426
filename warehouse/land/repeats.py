"""Files whose content has landed before, and what of them is in quarantine still.

Belongs here: their counts. Does not belong here: finding such files (batch.py), the counts' invariant (report.py).
"""

from __future__ import annotations

from pathlib import Path

import duckdb

from warehouse.land.commit import Landed
from warehouse.land.report import Counts
from warehouse.land.sql import pattern
from warehouse.ledger import Connection


def repeated(connection: Connection, lake: Path, earlier: Landed) -> dict[str, Counts]:
    """Counts by table of a file that `earlier` was: what a replay has landed since is a duplicate like what had landed."""
    mended = _mended(connection, lake, earlier) if any(c.quarantined for c in earlier.tables.values()) else {}
    return {table: counts.as_repeat(mended.get(table, 0)) for table, counts in earlier.tables.items()}


def _mended(connection: Connection, lake: Path, earlier: Landed) -> dict[str, int]:
    """How many entries of quarantine that the file has brought are marked, by table."""
    marks = connection.execute(
        "select quarantine_id from quarantine_mark where starts_with(quarantine_id, %s)",
        [f"qua_{earlier.batch_id.removeprefix('bat_')}_"],
    ).fetchall()
    parts = connection.execute(
        "select path from batch_part where part = 'quarantine' and batch_id = %s", [earlier.batch_id]
    ).fetchall()
    if not marks or not parts:
        return {}
    with duckdb.connect() as engine:
        found = engine.execute(
            """select table_name, count(*) from read_parquet($1, union_by_name = true, hive_partitioning = false)
               where batch_id = $2 and source_file = $3 and list_contains($4, quarantine_id) group by 1""",
            [
                [pattern(lake / part["path"]) for part in parts],
                earlier.batch_id,
                earlier.name,
                [mark["quarantine_id"] for mark in marks],
            ],
        ).fetchall()
    return dict(found)
