"""The end of a batch: counts that add up, new columns, and its files under temporary names.

Belongs here: turning staged rows and verdicts into an `Outcome`. Does not belong here: the ledger.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import datetime

from nexus.contracts import Source, Table
from nexus.errors import NexusError
from nexus.settings import Settings
from warehouse.land.conflicts import texts_of_conflicts
from warehouse.land.files import InputFile
from warehouse.land.merge import verdicts
from warehouse.land.paths import named_fields
from warehouse.land.places import file_of
from warehouse.land.report import UNKNOWN, Counts
from warehouse.land.sink import Sink
from warehouse.land.sql import literal, pattern, quoted, staging
from warehouse.land.stage import Stage
from warehouse.land.write import Written, lake_path, write


@dataclass(slots=True)
class Outcome:
    """What a batch would commit. Counts are per (file number, table name)."""

    counts: dict[tuple[int, str], Counts] = field(default_factory=dict)
    files: list[Written] = field(default_factory=list)
    new_columns: dict[str, list[str]] = field(default_factory=dict)
    outside: dict[str, int] = field(default_factory=dict)

    @property
    def total(self) -> Counts:
        total = Counts()
        for counts in self.counts.values():
            total.add(counts)
        return total

    def tables(self) -> dict[str, Counts]:
        by_table: dict[str, Counts] = defaultdict(Counts)
        for (_, name), counts in self.counts.items():
            by_table[name].add(counts)
        return dict(by_table)


def collect(
    stage: Stage, source: Source, workspace: str, batch_id: str, settings: Settings, files: dict[int, InputFile]
) -> Outcome:
    """Counts and writes everything staged. Raises NexusError if rows written are not rows counted."""
    outcome = Outcome()
    landed_at = stage.landed_at
    texts_of_conflicts(stage, source, files)
    for table in source.tables:
        _count(stage, table, outcome)
        sink = stage.sink(table)
        landed = sum(c.landed for (_, name), c in outcome.counts.items() if name == table.name)
        if landed:
            outcome.new_columns[table.relation] = unnamed_fields(stage, table)
            if sink:
                written = _written(stage, sink)
            else:
                path = lake_path("raw", source.name, table.name, workspace, batch_id)
                query = _landing_rows(table, workspace, batch_id, landed_at)
                written = write(stage, settings.lake, "raw", table.name, path, query)
            if written.rows != landed:
                raise NexusError(f"{table.relation}: {landed} rows counted, {written.rows} written")
            outcome.files.append(written)
        elif sink:
            sink.path.unlink()
    for file, count in stage.run("select _file, count(*) from faults group by 1"):
        outcome.counts.setdefault((file, UNKNOWN), Counts()).add(Counts(read=count, quarantined=count))
    quarantined = outcome.total.quarantined
    if quarantined:
        outcome.outside = stage.faults.outside()
        path = lake_path("quarantine", source.name, "", workspace, batch_id)
        query = _quarantine_rows(source, workspace, batch_id, landed_at)
        written = write(stage, settings.lake, "quarantine", UNKNOWN, path, query)
        if written.rows != quarantined:
            raise NexusError(f"{source.name}: {quarantined} records to quarantine, {written.rows} written")
        outcome.files.append(written)
    return outcome


def _written(stage: Stage, sink: Sink) -> Written:
    """The file of a sink, without the rows that must not land."""
    query = f"select r from {verdicts(sink.table)} order by r"
    return sink.sealed(stage.engine.execute(query).to_arrow_table()["r"].to_numpy())


def _count(stage: Stage, table: Table, outcome: Outcome) -> None:
    if sink := stage.sink(table):
        _count_sink(stage, sink, outcome)
        return
    rows = stage.run(
        f"""select _file, count(*), count(_reason), count(v.r) filter (where verdict = 'duplicate'),
                   count(v.r) filter (where verdict = 'conflict')
            from {staging(table)} s left join {verdicts(table)} v on v.r = s.rowid group by _file"""
    )
    for file, read, bad, duplicate, conflict in rows:
        quarantined = bad + conflict
        outcome.counts[file, table.name] = Counts(read, read - duplicate - quarantined, duplicate, quarantined)


def _count_sink(stage: Stage, sink: Sink, outcome: Outcome) -> None:
    table = sink.table
    bad = dict(stage.run(f"select _file, count(*) from {staging(table)} group by 1"))
    judged = stage.engine.execute(f"select r, verdict = 'conflict' as c from {verdicts(table)}").to_arrow_table()
    files, conflicts = file_of(sink.docs()[judged["r"].to_numpy()]), judged["c"].to_numpy()
    for file in sorted({*sink.counts, *bad}):
        good, quarantined = sink.counts[file], bad.get(file, 0)
        conflict = int((conflicts & (files == file)).sum())
        duplicate = int((files == file).sum()) - conflict
        outcome.counts[file, table.name] = Counts(
            good + quarantined, good - duplicate - conflict, duplicate, quarantined + conflict
        )


def _landing_rows(table: Table, workspace: str, batch_id: str, landed_at: datetime) -> str:
    names = ", ".join(quoted(c.name) for c in table.columns)
    key = (
        f"cast({quoted(table.id)} as varchar)"
        if table.id
        else f"{literal(batch_id + '/')} || cast(s.rowid + 1 as varchar)"
    )
    # the newest of an entity without version is the one that stands last
    order = " order by _doc, s.rowid" if table.nature == "entity" and not table.version else ""
    return f"""
        select {literal(workspace)} as workspace_id, {names}, {key} as _record_key, _record_hash,
               {literal(batch_id)} as _batch_id, o._origin_name as _source_file, s._line as _source_line,
               timestamp '{landed_at:%Y-%m-%d %H:%M:%S.%f}' as _landed_at, _extra
        from {staging(table)} s join origins o on o._origin = s._file
        where _reason is null and s.rowid not in (select r from {verdicts(table)}){order}"""


def _quarantine_rows(source: Source, workspace: str, batch_id: str, landed_at: datetime) -> str:
    pieces = ["select _file, _line, _table, _reason, _raw from faults"]
    for table in source.tables:
        name = literal(table.name)
        pieces.append(f"select _file, _line, {name}, _reason, _raw from {staging(table)} where _reason is not null")
    pieces.append("select _file, _line, _table, _reason, _raw from conflicts")
    return f"""
        select 'qua_{batch_id.removeprefix("bat_")}_' || lpad(cast(row_number() over () as varchar), 8, '0') as quarantine_id,
               {literal(workspace)} as workspace_id, {literal(source.name)} as source,
               q._table as table_name, o._origin_name as source_file, q._line as source_line, q._reason as reason, q._raw as raw_text,
               {literal(batch_id)} as batch_id, timestamp '{landed_at:%Y-%m-%d %H:%M:%S.%f}' as quarantined_at
        from (select * from ({" union all ".join(pieces)}) order by _file, _line) q join origins o on o._origin = q._file"""


def unnamed_fields(stage: Stage, table: Table) -> list[str]:
    """Top-level fields met in good records that the contract neither names nor reaches into."""
    good, sink = staging(table), stage.sink(table)
    if sink and sink.unnamed is not None:
        return sorted(sink.unnamed)
    if sink:
        good = f"(select _extra, null as _reason from read_parquet({literal(pattern(sink.path))}))"
    rows = stage.run(
        f"""select distinct unnest(k) as field
            from (select distinct json_keys(_extra) as k from {good} where _extra is not null and _reason is null)
            order by 1"""
    )
    named = named_fields(table)
    return [row[0] for row in rows if row[0] not in named]
