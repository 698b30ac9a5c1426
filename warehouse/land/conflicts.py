"""Raw text of records that say something else under an id that has landed.

Belongs here: reading the few files concerned a second time, because good records are not kept as text.
Does not belong here: deciding what is a conflict (merge.py).
"""

from __future__ import annotations

from nexus.contracts import Source, Table
from warehouse.land.documents import tagged
from warehouse.land.files import InputFile
from warehouse.land.merge import verdicts
from warehouse.land.paths import json_path
from warehouse.land.places import DOCUMENT_BITS, LINE_BITS, file_sql, line_sql
from warehouse.land.read import read
from warehouse.land.rows import hexadecimal, record_hash
from warehouse.land.sql import literal
from warehouse.land.stage import Stage


def texts_of_conflicts(stage: Stage, source: Source, files: dict[int, InputFile]) -> None:
    """Fills the table `conflicts(_file, _line, _table, _reason, _raw)`."""
    stage.run(
        "create or replace table conflicts (_file INTEGER, _line BIGINT, _table VARCHAR, _reason VARCHAR, _raw VARCHAR)"
    )
    for table in source.tables:
        stage.run(
            f"""create or replace temp table sought as
                select {file_sql("_doc")} as _file, {line_sql("_doc")} as _line, h, id
                from ({stage.good(table)}) s join {verdicts(table)} v on v.r = s.r where verdict = 'conflict'"""
            if table.id and stage.run(f"select 1 from {verdicts(table)} where verdict = 'conflict' limit 1")
            else "create or replace temp table sought as select 0 as _file, 0 as _line, '' as h, '' as id limit 0"
        )
        concerned = stage.run("select distinct _file from sought order by 1")
        if concerned:
            _read_again(stage, table, {index: files[index] for (index,) in concerned})


def _read_again(stage: Stage, table: Table, files: dict[int, InputFile]) -> None:
    stage.run("create or replace temp table told (place BIGINT, h VARCHAR, key VARCHAR, raw VARCHAR)")
    key = next(literal(json_path(column)) for column in table.columns if column.name == table.id)
    for index, file in files.items():
        for chunk in read(file, lambda _: None):
            if len(chunk.table):
                stage.documents.parse(tagged(chunk, index), chunk.form, chunk.has_arrays)
                stage.run(
                    f"""insert into told
                        select distinct _line >> {DOCUMENT_BITS}, {hexadecimal(record_hash())}, doc->>{key}, cast(doc as varchar)
                        from ({table.select})
                        where _line >> {DOCUMENT_BITS} in (select (_file << {LINE_BITS}) + _line from sought)"""
                )
    # a document may have been hashed as it is spelt or as it is written anew: then its place tells, and its id
    stage.run(
        f"""insert into conflicts
            select s._file, s._line, {literal(table.name)},
                   {literal(f"{table.id}: ")} || '"' || s.id || '" has landed already with another body',
                   coalesce(t.raw, a.raw, k.raw, '')
            from (select *, (_file << {LINE_BITS}) + _line as place from sought) s
            left join (select place, h, any_value(raw) as raw from told group by place, h) t
              on t.place = s.place and t.h = s.h
            left join (select place, any_value(raw) as raw from told group by place having count(*) = 1) a
              on a.place = s.place
            left join (select place, key, any_value(raw) as raw from told group by place, key) k
              on k.place = s.place and k.key = s.id"""
    )
