"""Which staged records have been seen before, in this batch or in the lake.

Belongs here: duplicates and conflicts. Does not belong here: reading files, writing the lake.

Result: a table `v_<table>(r, verdict)` of rows that must not land, by their number: `rowid` in the staging table, or
the place in the file of a sink.
- event: one body per id. The same body again is a duplicate, another body is a conflict.
- entity with a version column: each body once per id, whatever the order.
- entity without one: a body is new when it differs from the one that landed before it.
- no id: nothing is ever merged.
Whether two bodies are the same is told by their hashes and, where these differ, by their values (bodies.py).
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from nexus.contracts import Table
from warehouse.land.bodies import unite
from warehouse.land.keys import met_again
from warehouse.land.sql import pattern, quoted
from warehouse.land.stage import Stage
from warehouse.ledger import Part


def verdicts(table: Table) -> str:
    return quoted(f"v_{table.name}")


def merge(stage: Stage, table: Table, lake: Sequence[Part]) -> None:
    """Fills `verdicts(table)`; `lake` are the committed files of the same workspace and table, in order."""
    stage.run(f"create or replace table {verdicts(table)} (r BIGINT, verdict VARCHAR)")
    if table.id is None:
        return
    sink = stage.sink(table)
    # what is kept of each row is a hash of its id, so only rows that may have been met are looked at again
    if sink and not stage.choose(table, met_again(sink.keys(), stage.engine, [p.path for p in lake])):
        return
    good = stage.good(table)
    paths = list(dict.fromkeys(p.path for p in lake))  # parts may share a file
    _seen(stage, lake, paths, good)
    # ids that stand alone and are not in the lake need no second look
    stage.run(
        f"""create or replace temp table again as
            select * from ({good}) where id in (
                select id from ({good}) group by id having count(*) > 1 union all select id from seen)"""
    )
    if not stage.run("select count(*) from again")[0][0]:
        return
    unite(stage, table, paths)
    stage.run(f"insert into {verdicts(table)} {_RULES[_rule(table)]}")


def _rule(table: Table) -> str:
    if table.nature == "event":
        return "event"
    return "versioned" if table.version else "latest"


def _seen(stage: Stage, lake: Sequence[Part], paths: Sequence[Path], good: str) -> None:
    """Bodies in the lake under the ids of this batch: `seen(id, h, latest)`."""
    stage.run("create or replace temp table seen (id VARCHAR, h VARCHAR, latest BOOLEAN)")
    if not lake:
        return
    stage.run("create or replace temp table wanted as select distinct id from (" + good + ")")
    stage.run(
        "create or replace temp table lake_batches as select unnest($1::varchar[]) as batch_id, unnest($2::bigint[]) as seq",
        [p.batch_id for p in lake],
        [p.seq for p in lake],
    )
    stage.run(
        """insert into seen
           select id, h, row_number() over (partition by id order by seq desc, n desc) = 1
           from (select l._record_key as id, l._record_hash as h, b.seq, l.file_row_number as n
                 from read_parquet($1, file_row_number = true, union_by_name = true, hive_partitioning = false) l
                 join lake_batches b on b.batch_id = l._batch_id
                 where l._record_key in (select id from wanted))""",
        [pattern(path) for path in paths],
    )


_RULES = {
    "event": """
        select r, case when h = coalesce(before, first) then 'duplicate' else 'conflict' end
        from (select a.r, a.h, s.h as before,
                     first_value(a.h) over (partition by a.id order by a._doc, a.r) as first,
                     row_number() over (partition by a.id order by a._doc, a.r) as n
              from again a left join (select id, min(h) as h from seen group by id) s using (id))
        where before is not null or n > 1""",
    "versioned": """
        select r, 'duplicate'
        from (select a.r, a.id, a.h, row_number() over (partition by a.id, a.h order by a._doc, a.r) as n from again a)
        where n > 1 or (id, h) in (select (id, h) from seen)""",
    "latest": """
        select r, 'duplicate'
        from (select a.r, a.h, coalesce(lag(a.h) over (partition by a.id order by a._doc, a.r), s.h) as before
              from again a left join (select id, h from seen where latest) s using (id))
        where h = before""",
}
