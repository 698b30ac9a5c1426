"""Reading tables page by page, each page in one short statement.

Belongs here: the SQL of pages and of single rows, keys and their order. Does not belong here: when which is read (live.py),
the replication log (changes.py).

Pages go by keyset (`(watermark, key) > (last ones)`), so a page costs the same at the end of a table as at its start.
A row is rendered by the server (`to_jsonb`): every type, also those that nobody here has heard of, arrives as JSON.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import orjson
import psycopg
from psycopg import sql

from nexus.errors import InputError

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Relation:
    """A table as the server knows it. `key` are the columns of its primary key, in order, `key_types` as SQL casts to them."""

    schema: str
    table: str
    key: tuple[str, ...]
    key_types: tuple[str, ...]

    @property
    def name(self) -> str:
        return f"{self.schema}.{self.table}"

    @property
    def identifier(self) -> sql.Identifier:
        return sql.Identifier(self.schema, self.table)

    @property
    def is_counted(self) -> bool:
        """Whether a single whole number is the key, so that new rows have higher ones."""
        return self.key_types in (("smallint",), ("integer",), ("bigint",))


def describe(connection: psycopg.Connection, name: str) -> Relation:
    """The table called `name` (`schema.table`, or a table of schema public). Raises InputError if it cannot be pulled."""
    schema, _, table = name.rpartition(".")
    schema = schema or "public"
    rows = connection.execute(
        """select a.attname, format_type(a.atttypid, a.atttypmod)
           from pg_class c join pg_namespace n on n.oid = c.relnamespace
           left join pg_index i on i.indrelid = c.oid and i.indisprimary
           left join lateral unnest(i.indkey) with ordinality k(attnum, place) on true
           left join pg_attribute a on a.attrelid = c.oid and a.attnum = k.attnum
           where n.nspname = %s and c.relname = %s and c.relkind in ('r', 'p', 'm', 'v', 'f')
           order by k.place""",
        [schema, table],
    ).fetchall()
    if not rows:
        raise InputError(
            f"there is no table {schema}.{table} that this role can see",
            remedy="check `tables` in the connection's options, and grant usage on the schema",
        )
    if rows[0][0] is None:
        raise InputError(
            f"{schema}.{table} has no primary key, so its rows cannot be told apart",
            remedy="add a primary key, or take the table out of `tables`",
        )
    return Relation(schema, table, tuple(r[0] for r in rows), tuple(r[1] for r in rows))


def pages(
    connection: psycopg.Connection, relation: Relation, watermark: str | None, after: Sequence[str] | None, size: int
) -> Iterator[tuple[list[Row], list[str]]]:
    """Rows after `after` (texts of watermark and key) in their order, with the place where each page ends."""
    order = [*([watermark] if watermark else []), *relation.key]
    names = sql.SQL(", ").join(sql.SQL("t.{}").format(sql.Identifier(c)) for c in order)
    ends = sql.SQL(", ").join(sql.SQL("t.{}::text").format(sql.Identifier(c)) for c in order)
    while True:
        # an unknown-typed literal takes the type of the column beside it
        bound = (
            sql.SQL("where ({}) > ({})").format(names, sql.SQL(", ").join(map(sql.Literal, after)))
            if after
            else sql.SQL("")
        )
        missing = sql.SQL("t.{} is not null").format(sql.Identifier(watermark)) if watermark else sql.SQL("true")
        where = sql.SQL("{} and {}").format(bound, missing) if after else sql.SQL("where {}").format(missing)
        query = sql.SQL(
            "select {key}, to_jsonb(t)::text, array[{ends}] from {table} t {where} order by {names} limit {n}"
        )
        found = connection.execute(
            query.format(
                key=_key(relation), ends=ends, table=relation.identifier, where=where, names=names, n=sql.Literal(size)
            )
        ).fetchall()
        if found:
            after = found[-1][2]
            yield [{"key": key, "row": orjson.Fragment(row)} for key, row, _ in found], list(after)
        if len(found) < size:
            return


def rows(
    connection: psycopg.Connection, relation: Relation, keys: Sequence[Sequence[str]]
) -> tuple[list[Row], list[str]]:
    """The present rows of `keys` (texts, at least one), and the keys of those that are gone."""
    wanted = sql.SQL(", ").join(
        sql.SQL("({})").format(
            sql.SQL(", ").join(
                # with its length: a cast to `character` alone keeps one character
                sql.SQL("{}::{}").format(sql.Literal(text), sql.SQL(kind))  # type: ignore[arg-type]
                for text, kind in zip(key, relation.key_types, strict=True)
            )
        )
        for key in keys
    )
    # the server spells the wanted keys too: the log pads `character`, a table's text does not
    found = connection.execute(
        sql.SQL(
            "select {asked}, {key}, to_jsonb(t)::text from (values {wanted}) w({names})"
            " left join {table} t on ({of_t}) = ({of_w})"
        ).format(
            asked=_key(relation, "w"), key=_key(relation), wanted=wanted, table=relation.identifier,
            names=sql.SQL(", ").join(map(sql.Identifier, relation.key)),
            of_t=_columns(relation, "t"), of_w=_columns(relation, "w"),
        )
    ).fetchall()  # fmt: skip
    present = {key: orjson.Fragment(row) for _, key, row in found if row is not None}
    # equal is not the same for every type (1.0 and 1.00): the row has another key then
    gone = dict.fromkeys(asked for asked, _, _ in found if asked not in present)
    return [{"key": key, "row": row} for key, row in present.items()], list(gone)


def _columns(relation: Relation, alias: str) -> sql.Composed:
    return sql.SQL(", ").join(sql.Identifier(alias, c) for c in relation.key)


def _key(relation: Relation, alias: str = "t") -> sql.Composed:
    """The primary key as the text of a JSON array of texts."""
    texts = sql.SQL(", ").join(sql.SQL("{}::text").format(sql.Identifier(alias, c)) for c in relation.key)
    return sql.SQL("to_json(array[{}])::text").format(texts)
