"""Records that were turned away: looking at them and trying them again.

Belongs here: list, show, replay. Does not belong here: deciding what is bad (land/).

A replayed record is marked in the same transaction that lands it, so it lands once however often it is replayed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import duckdb
import polars as pl

from nexus.contracts import Source
from nexus.errors import InputError, NotFoundError
from nexus.ids import new_id
from nexus.settings import Settings
from warehouse import ledger
from warehouse.land import commit
from warehouse.land.collect import collect
from warehouse.land.driver import lock_name, sweep
from warehouse.land.merge import merge, verdicts
from warehouse.land.read import documents
from warehouse.land.report import UNKNOWN, Counts
from warehouse.land.stage import Stage, staging
from warehouse.land.write import remove, settle


@dataclass(frozen=True, slots=True)
class Replay:
    """What became of the quarantined records that were tried again."""

    tried: int
    landed: int
    duplicate: int
    still_bad: dict[str, int]


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
    files = [str(part.path) for part in parts]
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


def replay(
    settings: Settings,
    source: Source,
    workspace: str,
    *,
    mapping: str = "",
    ids: Sequence[str] | None = None,
    checkpoint: Callable[[str], None] = lambda _: None,
) -> Replay:
    """Puts quarantined records through the contract as it is now; those that pass land and are marked.

    `ids` restricts it to some records. What is still bad stays where it is, with its old reason.
    Raises NotFoundError for ids that are not in quarantine, InputError where the source does not fit.
    """
    with ledger.connect(settings) as connection, ledger.locked(connection, lock_name(workspace, source.name)):
        sweep(connection, settings, workspace, source.name)
        frame = read(settings, workspace=workspace, source=source.name)
        if ids is not None:
            missing = sorted(set(ids) - set(frame["quarantine_id"]))
            if missing:
                raise NotFoundError(
                    f"not in quarantine (any more): {', '.join(missing[:5])}", remedy="see: nexus quarantine list"
                )
            frame = frame.filter(pl.col("quarantine_id").is_in(list(ids)))
        if frame.is_empty():
            return Replay(0, 0, 0, {})
        return _replay(settings, connection, source, workspace, mapping, frame, checkpoint)


def _replay(
    settings: Settings,
    connection: ledger.Connection,
    source: Source,
    workspace: str,
    mapping: str,
    frame: pl.DataFrame,
    checkpoint: Callable[[str], None],
) -> Replay:
    batch_id = new_id("bat")
    commit.begin(connection, batch_id, "replay", workspace, source, mapping)
    checkpoint("begun")
    names = dict(enumerate(frame["source_file"].unique(maintain_order=True)))
    numbers = {name: index for index, name in names.items()}
    stage = Stage(source, settings, batch_id, names)
    try:
        # the place in `frame` stands for the line until everything is staged
        known = {table.name for table in source.tables}
        for row, entry in enumerate(frame.iter_rows(named=True)):
            table = entry["table_name"]
            if table != UNKNOWN and table not in known:
                raise InputError(
                    f"source {source.name!r} has no table {table!r} any more", remedy="replay the others by id"
                )
            only = source.table(table) if table != UNKNOWN else None
            stage.add(documents([row], [entry["raw_text"]], [], "json"), numbers[entry["source_file"]], only)
        stage.flush()
        for table_ in source.tables:
            merge(stage, table_, ledger.parts(connection, settings, source.name, table_.name, workspace))
        bad = _still_bad(stage, source)
        _drop(stage, source, bad)
        for table_ in source.tables:
            merge(stage, table_, ledger.parts(connection, settings, source.name, table_.name, workspace))
        lines = dict(enumerate(frame["source_line"]))
        _name_lines(stage, source, lines)
        outcome = collect(stage, source, workspace, batch_id, settings, {})
        settle(settings.lake, outcome.files)
        checkpoint("renamed")
        good = [q for row, q in enumerate(frame["quarantine_id"]) if row not in bad]
        if good:
            commit.land(connection, batch_id, workspace, source, mapping, outcome, {}, replayed=good)
        else:
            commit.fail(connection, batch_id, InputError("none of the records can be landed yet"))
        checkpoint("committed")
    except BaseException as error:
        if commit.fail(connection, batch_id, error):
            remove(settings.lake, batch_id)
        raise
    finally:
        stage.close()
    total = outcome.total if good else Counts()
    reasons: dict[str, int] = {}
    for reason in bad.values():
        reasons[reason] = reasons.get(reason, 0) + 1
    return Replay(len(frame), total.landed, total.duplicate, reasons)


def _still_bad(stage: Stage, source: Source) -> dict[int, str]:
    """Places of entries of which at least one record is bad, and why: an entry lands whole or not at all."""
    bad = {int(line): reason for line, reason in stage.run("select _line, any_value(_reason) from faults group by 1")}
    for table in source.tables:
        for line, reason in stage.run(
            f"""select s._line, coalesce(any_value(_reason), 'has landed already with another body')
                from {staging(table)} s left join {verdicts(table)} v on v.r = s.rowid
                where _reason is not null or verdict = 'conflict' group by 1"""
        ):
            bad.setdefault(int(line), reason)
    return bad


def _drop(stage: Stage, source: Source, bad: dict[int, str]) -> None:
    stage.run("delete from faults")
    stage.run("create or replace temp table dropped as select unnest($1::bigint[]) as line", list(bad))
    for table in source.tables:
        # a new table, because rows are numbered anew and verdicts go by number
        name = staging(table)
        stage.run(f"create or replace temp table kept as from {name} where _line not in (select line from dropped)")
        stage.run(f"delete from {name}")
        stage.run(f"insert into {name} from kept")


def _name_lines(stage: Stage, source: Source, lines: dict[int, int]) -> None:
    stage.run("create or replace temp table place (n BIGINT, line BIGINT)")
    stage.engine.executemany("insert into place values (?, ?)", [[n, line] for n, line in lines.items()])
    for table in source.tables:
        stage.run(f"update {staging(table)} s set _line = p.line from place p where p.n = s._line")


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
