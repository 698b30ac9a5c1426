"""Whether bodies whose hashes differ say the same.

Belongs here: comparing rows by their values, in this batch and in the lake. Does not belong here: what follows (merge.py).

`_record_hash` is the hash of a text. One record may be spelt in two ways (`1.50` and `1.5`, `é` and `\\u00e9`, its
names in another order), earlier releases wrote an MD5 there, and another version of the engine may reckon otherwise. So
hashes that are equal settle the matter, and hashes that differ do not: then the rows are compared as they landed, those
of the lake by the contract as it is now, because a field that it names today may have been unnamed then.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa

from nexus.contracts import Kind, Table
from warehouse.land.alike import form
from warehouse.land.rows import rows_of
from warehouse.land.sql import DUCKDB_TYPE, literal, pattern, quoted, staging
from warehouse.land.stage import Stage


def unite(stage: Stage, table: Table, lake: Sequence[Path]) -> None:
    """Gives bodies that say the same one hash, in the tables `again` and `seen` that merging has filled from `lake`."""
    stage.run(
        """create or replace temp table doubtful as
           select id from (select id, h from again union select id, h from seen) group by id having count(*) > 1"""
    )
    if not stage.run("select 1 from doubtful limit 1"):
        return
    both = " union all ".join([_of_batch(stage, table), *([_of_lake(stage, table, lake)] if lake else [])])
    stage.run(f"create or replace temp table bodies as select row_number() over () as n, * from ({both})")
    stage.run(f"create or replace temp table said as select * from ({_as_of_now(table)})")
    plain = "".join(f", {quoted(c.name)}" for c in table.columns if c.kind is not Kind.json)
    texts = ["_extra", *(quoted(c.name) for c in table.columns if c.kind is Kind.json)]
    _note_forms(stage, plain, texts)
    forms = ", ".join(f"coalesce(f{n}.form, cast(s.{text} as varchar)) as _f{n}" for n, text in enumerate(texts))
    joins = " ".join(f"left join forms f{n} on f{n}.text = cast(s.{text} as varchar)" for n, text in enumerate(texts))
    parts = plain + "".join(f", _f{n}" for n in range(len(texts)))
    # bodies of one hash are the same even where the contract has changed so that their values are not
    stage.run(
        f"""create or replace temp table same as
            select id, h, min(least) as body
            from (select id, h, min(h) over (partition by id{parts}) as least
                  from (select s.*, {forms} from said s {joins}))
            group by id, h"""
    )
    for name in ("again", "seen"):
        stage.run(f"update {name} t set h = body from same s where s.id = t.id and s.h = t.h")


def _note_forms(stage: Stage, plain: str, texts: Sequence[str]) -> None:
    """Fills `forms(text, form)` for JSON of rows that are the same but for it: names may stand in another order there."""
    row = ", ".join(f"cast({text} as varchar)" for text in texts)
    found = stage.run(
        f"""select distinct unnest([{row}]) as text from said
            where id in (select id from said group by id{plain} having count(distinct row({row})) > 1)"""
    )
    known = [text for (text,) in found if text is not None]
    made = pa.table([pa.array(known, pa.string()), pa.array(map(form, known), pa.string())], names=["text", "form"])
    stage.engine.register("made", made)
    stage.run("create or replace temp table forms as from made")
    stage.engine.unregister("made")


def _of_batch(stage: Stage, table: Table) -> str:
    names = ", ".join(quoted(c.name) for c in table.columns)
    if sink := stage.sink(table):
        return f"""select _record_key as id, _record_hash as h, {names}, _extra
                   from read_parquet({literal(pattern(sink.path))}, hive_partitioning = false)
                   where _record_key in (from doubtful)"""
    key = f"cast({quoted(table.id or '')} as varchar)"
    return f"""select {key} as id, _record_hash as h, {names}, _extra
               from {staging(table)} where _reason is null and {key} in (from doubtful)"""


def _of_lake(stage: Stage, table: Table, lake: Sequence[Path]) -> str:
    """Rows of the lake; a column that it does not know yet is null."""
    files = ", ".join(literal(pattern(path)) for path in lake)
    rows = f"read_parquet([{files}], union_by_name = true, hive_partitioning = false)"
    known = {row[0] for row in stage.run(f"describe select * from {rows}")}
    columns = ", ".join(
        f"{f'try_cast({quoted(c.name)} as {DUCKDB_TYPE[c.kind]})' if c.name in known else 'null'} as {quoted(c.name)}"
        for c in table.columns
    )
    return f"""select _record_key as id, _record_hash as h, {columns}, _extra from {rows}
               where _record_key in (from doubtful) and _batch_id in (select batch_id from lake_batches)"""


def _as_of_now(table: Table) -> str:
    """`bodies` with what the contract names of their `_extra` in its columns."""
    names = ", ".join(f"coalesce(b.{quoted(c.name)}, m.{quoted(c.name)}) as {quoted(c.name)}" for c in table.columns)
    return f"""with picked as (select n as _line, null::varchar as _text, coalesce(_extra, '{{}}')::json as doc from bodies)
               select b.id, b.h, {names}, m._extra
               from bodies b join ({rows_of(table, explain=False, sink=True)}) m on m._doc = b.n"""
