"""Trying records that were turned away again.

Belongs here: replay. Does not belong here: looking at them (quarantine.py), deciding what is bad (land/).

A replayed record is marked in the same transaction that lands it, so it lands once however often it is replayed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from nexus.contracts import Source
from nexus.errors import InputError
from nexus.ids import new_id
from nexus.settings import Settings
from warehouse import ledger, quarantine
from warehouse.land import commit
from warehouse.land.chunk import Bad, Chunk, documents
from warehouse.land.collect import collect
from warehouse.land.driver import lock_name, sweep
from warehouse.land.json_scan import TOO_DEEP, too_deep
from warehouse.land.merge import merge, verdicts
from warehouse.land.report import UNKNOWN, Counts
from warehouse.land.sql import staging
from warehouse.land.stage import Stage
from warehouse.land.text import known, reread
from warehouse.land.write import remove, settle


@dataclass(frozen=True, slots=True)
class Replay:
    """What became of the quarantined records that were tried again."""

    tried: int
    landed: int
    duplicate: int
    still_bad: dict[str, int]

    def __add__(self, other: Replay) -> Replay:
        still_bad = Counter(self.still_bad) + Counter(other.still_bad)
        return Replay(
            self.tried + other.tried, self.landed + other.landed, self.duplicate + other.duplicate, dict(still_bad)
        )


def replay(
    settings: Settings,
    source: Source,
    workspace: str,
    *,
    mapping: str = "",
    ids: Sequence[str] | None = None,
    encoding: str | None = None,
    checkpoint: Callable[[str], None] = lambda _: None,
) -> Replay:
    """Puts quarantined records through the contract as it is now; those that pass land and are marked.

    `source` is as `mapping` makes it: only records that came with that are tried, and of these `ids` alone if given.
    `encoding` is that of records which were no UTF-8. What is still bad stays where it is, with its old reason.
    Raises NotFoundError for ids that are not in quarantine, InputError where the source does not fit.
    """
    with ledger.connect(settings) as connection, ledger.locked(connection, lock_name(workspace, source.name)):
        sweep(connection, settings, workspace, source.name)
        chosen = quarantine.by_mapping(settings, source.name, workspace, ids).get(mapping, [])
        frame = quarantine.read(settings, workspace=workspace, source=source.name)
        frame = frame.filter(pl.col("quarantine_id").is_in(chosen))
        if encoding is not None:
            texts = [reread(text or "", known(encoding)) for text in frame["raw_text"]]
            frame = frame.with_columns(pl.Series("raw_text", texts, pl.String))
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
            stage.add(_again(row, entry), numbers[entry["source_file"]], only)
        stage.flush()
        for table_ in source.tables:
            merge(stage, table_, ledger.parts(connection, settings, source.name, table_.name, workspace))
        bad = _still_bad(stage, source, len(frame))
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
    for row, reason in bad.items():
        # a text that is no JSON was turned away for a better reason than that
        told = frame["reason"][row] if reason.startswith("not JSON") else reason
        reasons[told] = reasons.get(told, 0) + 1
    return Replay(len(frame), total.landed, total.duplicate, reasons)


def _again(row: int, entry: dict[str, Any]) -> Chunk:
    """The text of an entry as a document; what is blank, or too deep for the engine, stays a fault."""
    text = entry["raw_text"] or ""
    if too_deep(text.encode()):
        return documents([], [], [Bad(row, TOO_DEEP, text)])
    if not text.strip():
        return documents([], [], [Bad(row, entry["reason"], text)])
    return documents([row], [text], [], "json")


def _still_bad(stage: Stage, source: Source, count: int) -> dict[int, str]:
    """Places of entries of which at least one record is bad, and why: an entry lands whole or not at all."""
    bad = {int(line): reason for line, reason in stage.run("select _line, any_value(_reason) from faults group by 1")}
    for table in source.tables:
        for line, reason in stage.run(
            f"""select s._line, coalesce(any_value(_reason), 'has landed already with another body')
                from {staging(table)} s left join {verdicts(table)} v on v.r = s.rowid
                where _reason is not null or verdict = 'conflict' group by 1"""
        ):
            bad.setdefault(int(line), reason)
    staged = {int(line) for t in source.tables for (line,) in stage.run(f"select distinct _line from {staging(t)}")}
    return {row: "holds no record" for row in range(count) if row not in staged} | bad


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
