"""Records that were turned away: looking at them.

Belongs here: list, show, which of them go together. Does not belong here: deciding what is bad (land/), trying them again
(replaying.py).
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import duckdb
import polars as pl

from nexus.errors import NotFoundError
from nexus.settings import Settings
from warehouse import ledger
from warehouse.land.remedies import remedy
from warehouse.land.sql import pattern

_SCHEMA: dict[str, pl.DataType | type[pl.DataType]] = {
    "quarantine_id": pl.String,
    "workspace_id": pl.String,
    "source": pl.String,
    "table_name": pl.String,
    "source_file": pl.String,
    "source_line": pl.Int64,
    "reason": pl.String,
    "raw_text": pl.String,
    "batch_id": pl.String,
    "quarantined_at": pl.Datetime("us"),
    "replayed_at": pl.Datetime("us"),
}


def read(
    settings: Settings,
    *,
    workspace: str | None = None,
    source: str | None = None,
    include_replayed: bool = False,
    limit: int | None = None,
) -> pl.DataFrame:
    """Quarantined records, oldest first, with `replayed_at` where a replay has landed them."""
    with ledger.connect(settings) as connection:
        parts = ledger.parts(connection, settings, source=source, workspace=workspace, part="quarantine")
        marks = connection.execute("select quarantine_id, marked_at from quarantine_mark").fetchall()
    if not parts:
        return pl.DataFrame(schema=_SCHEMA)
    files = sorted({pattern(part.path) for part in parts})  # parts may share a file
    with duckdb.connect() as engine:
        frame = engine.execute(
            "select * from read_parquet($1, union_by_name = true, hive_partitioning = false)", [files]
        ).pl()
    marked = pl.DataFrame(
        {"quarantine_id": [m["quarantine_id"] for m in marks], "replayed_at": [m["marked_at"] for m in marks]},
        schema={"quarantine_id": pl.String, "replayed_at": pl.Datetime("us")},
    )
    frame = frame.join(marked, on="quarantine_id", how="left").sort("quarantine_id").select(list(_SCHEMA))
    if not include_replayed:
        frame = frame.filter(pl.col("replayed_at").is_null())
    return frame.head(limit) if limit else frame


@dataclass(frozen=True, slots=True)
class Reason:
    """Records of one file that were turned away for one reason (values apart); `line` and `reason` are the first's."""

    file: str
    line: int
    table: str
    reason: str
    count: int

    def remedy(self, source: str, workspace: str) -> str:
        """What to do about them; commands in it name `source` and `workspace`."""
        return remedy(self.reason, source, workspace)


def reasons(settings: Settings, batches: Sequence[str], limit: int = 100) -> list[Reason]:
    """Why records of `batches` were turned away, the commonest first."""
    if not batches:
        return []
    with ledger.connect(settings) as connection:
        rows = connection.execute(
            "select path from batch_part where part = 'quarantine' and batch_id = any(%s)", [list(batches)]
        ).fetchall()
    if not rows:
        return []
    with duckdb.connect() as engine:
        found = engine.execute(
            f"""select source_file, min(source_line), any_value(table_name), arg_min(reason, source_line), count(*) as n
               from read_parquet($1, union_by_name = true, hive_partitioning = false)
               where list_contains($3, batch_id)
               group by source_file, table_name, regexp_replace(reason, $2, '…', 'g')
               order by n desc, source_file, 2 limit {limit}""",
            [
                sorted({pattern(settings.lake / row["path"]) for row in rows}),
                '"[^"]*"|0x[0-9a-f]{2}|[0-9]+',
                list(batches),
            ],
        ).fetchall()
    return [Reason(*row) for row in found]


def show(settings: Settings, quarantine_id: str) -> dict[str, object]:
    """One record with its raw text. Raises NotFoundError."""
    found = read(settings, include_replayed=True).filter(pl.col("quarantine_id") == quarantine_id)
    if found.is_empty():
        raise NotFoundError(f"there is no quarantined record {quarantine_id}", remedy="see: nexus quarantine list")
    return found.row(0, named=True)


def summary(settings: Settings, workspace: str | None = None) -> pl.DataFrame:
    """Counts by workspace, source, table and reason (without the value found)."""
    frame = read(settings, workspace=workspace)
    reason = pl.col("reason").str.replace_all(r'"[^"]*"', "…")
    return (
        frame.group_by("workspace_id", "source", "table_name", reason)
        .agg(pl.len().alias("records"), pl.col("quarantined_at").max().alias("newest_at"))
        .sort("records", descending=True)
    )


def by_mapping(
    settings: Settings, source: str, workspace: str, ids: Collection[str] | None = None
) -> dict[str, list[str]]:
    """Mapping that a record was landed with ('' for none) → ids, of all that are in quarantine still or of `ids`.

    Raises NotFoundError for ids that are not in quarantine.
    """
    frame = read(settings, workspace=workspace, source=source)
    if ids is not None:
        if missing := sorted(set(ids) - set(frame["quarantine_id"])):
            raise NotFoundError(
                f"not in quarantine (any more): {', '.join(missing[:5])}", remedy="see: nexus quarantine list"
            )
        frame = frame.filter(pl.col("quarantine_id").is_in(list(ids)))
    with ledger.connect(settings) as connection:
        rows = connection.execute(
            "select batch_id, mapping from batch where workspace_id = %s and source = %s and mapping <> ''",
            [workspace, source],
        ).fetchall()
    mappings = {row["batch_id"]: row["mapping"] for row in rows}
    found: dict[str, list[str]] = {}
    for batch_id, quarantine_id in frame.select("batch_id", "quarantine_id").iter_rows():
        found.setdefault(mappings.get(batch_id, ""), []).append(quarantine_id)
    return dict(sorted(found.items()))
