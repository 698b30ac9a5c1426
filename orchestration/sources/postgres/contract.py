"""The PostgreSQL source: rows of any table of any database, as one table of documents.

Belongs here: the form in which rows land. Does not belong here: reading them (live.py), what a table means: a model of
one's own takes its columns out of `stg_postgres__row` with the macro `json_text`.
"""

from __future__ import annotations

from nexus.contracts import Source, Table
from orchestration.lib.columns import columns, flag, part, text

ROW = Table(
    "postgres", "row", nature="entity", id="id", select="select _line, _text, doc from documents where _kind = 'row'",
    description="One row per row of a table that is pulled, as it is now; one that was deleted says so.",
    columns=columns(
        text("id", None, "database/schema.table/key"),
        text("database_name", "database", "Label of the database: its name unless the connection says otherwise", required=True),
        text("table_name", "table", "schema.table", required=True),
        text("row_key", "key", "Primary key as a JSON array of texts", required=True),
        flag("is_deleted", "deleted", "The row is gone; its columns are those it had when it was last seen, if any"),
        part("row_document", "row", "The row's columns as JSON"),
    ),
)  # fmt: skip

SOURCE = Source(
    name="postgres",
    title="PostgreSQL",
    description="Rows of tables of any PostgreSQL, pulled by primary key, watermark or logical replication.",
    readers={"*.jsonl": "jsonl"},
    kind="case when (doc->'$.table') is not null and (doc->'$.key') is not null then 'row' end",
    tables=(ROW,),
)
