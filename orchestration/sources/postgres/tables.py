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

_TIMES = ("timestamp with time zone", "timestamp without time zone", "date")
_NUMBERS = ("smallint", "integer", "bigint", "numeric", "real", "double precision")


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


@dataclass(frozen=True, slots=True)
class Watermark:
    """A column that says when a row was changed: a time or a number. `type` is its type, a domain's is that below it."""

    name: str
    type: str
    is_nullable: bool

    @property
    def identifier(self) -> sql.Identifier:
        return sql.Identifier("t", self.name)


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


def watermark(connection: psycopg.Connection, relation: Relation, name: str) -> Watermark:
    """The column `name` of the table. Raises InputError unless it is there, and a time or a number."""
    row = connection.execute(
        """select format_type(coalesce(nullif(y.typbasetype, 0), y.oid), null), not (a.attnotnull or y.typnotnull)
           from pg_attribute a join pg_type y on y.oid = a.atttypid join pg_class c on c.oid = a.attrelid
           join pg_namespace n on n.oid = c.relnamespace
           where n.nspname = %s and c.relname = %s and a.attname = %s and a.attnum > 0 and not a.attisdropped""",
        [relation.schema, relation.table, name],
    ).fetchone()
    if row is None:
        raise InputError(
            f"{relation.name} has no column {name!r}",
            remedy="check `watermark` of this table in the connection's options",
        )
    if row[0] not in _TIMES + _NUMBERS:
        raise InputError(
            f"column {name!r} of {relation.name} is of type {row[0]}, which is no watermark",
            remedy="name a column that holds a time or a number, or none",
        )
    return Watermark(name, row[0], row[1])


def pages(
    connection: psycopg.Connection, relation: Relation, watermark: Watermark | None, after: Sequence[str] | None, size: int
) -> Iterator[tuple[list[Row], list[str]]]:  # fmt: skip
    """Rows after `after` (texts of watermark and key) in their order, with the place where each page ends.

    With a watermark, rows that have one; see `unmarked` for the others.
    """
    if watermark is None:
        return _pages(connection, relation, relation.key, sql.SQL("true"), after, size)
    condition = sql.SQL("{} is not null").format(watermark.identifier)
    return _pages(connection, relation, (watermark.name, *relation.key), condition, after, size)


def unmarked(
    connection: psycopg.Connection, relation: Relation, watermark: Watermark, after: Sequence[str] | None, size: int
) -> Iterator[tuple[list[Row], list[str]]]:
    """Rows whose watermark is null, by key, as `pages` gives the others."""
    condition = sql.SQL("{} is null").format(watermark.identifier)
    return _pages(connection, relation, relation.key, condition, after, size)


def newest(connection: psycopg.Connection, relation: Relation, watermark: Watermark) -> list[str] | None:
    """The place of the row with the highest watermark; None where no row has one."""
    return _highest(connection, relation, watermark, sql.SQL("{} is not null").format(watermark.identifier))


def before(
    connection: psycopg.Connection, relation: Relation, watermark: Watermark, place: Sequence[str], seconds: int, numbers: int
) -> list[str] | None:  # fmt: skip
    """The last place that is earlier than `place` by so much; None is the beginning."""
    if watermark.type == "date":
        back: sql.Composable = sql.SQL("interval {}").format(f"1 day {seconds} seconds")
    elif watermark.type in _TIMES:
        back = sql.SQL("interval {}").format(f"{seconds} seconds")
    else:
        back = sql.Literal(numbers)
    condition = sql.SQL("{} < {}::{} - {}").format(watermark.identifier, place[0], sql.SQL(watermark.type), back)  # type: ignore[arg-type]
    return _highest(connection, relation, watermark, condition)


def _highest(
    connection: psycopg.Connection, relation: Relation, watermark: Watermark, condition: sql.Composable
) -> list[str] | None:
    columns = [watermark.identifier, *(sql.Identifier("t", k) for k in relation.key)]
    row = connection.execute(
        sql.SQL("select array[{texts}] from {table} t where {condition} order by {down} limit 1").format(
            texts=sql.SQL(", ").join(sql.SQL("{}::text").format(c) for c in columns), table=relation.identifier,
            condition=condition, down=sql.SQL(", ").join(sql.SQL("{} desc").format(c) for c in columns),
        )
    ).fetchone()  # fmt: skip
    return list(row[0]) if row else None


def _pages(
    connection: psycopg.Connection, relation: Relation, order: Sequence[str], condition: sql.Composable,
    after: Sequence[str] | None, size: int,
) -> Iterator[tuple[list[Row], list[str]]]:  # fmt: skip
    names = sql.SQL(", ").join(sql.Identifier("t", c) for c in order)
    ends = sql.SQL(", ").join(sql.SQL("{}::text").format(sql.Identifier("t", c)) for c in order)
    while True:
        where = condition
        if after:
            # an unknown-typed literal takes the type of the column beside it
            bound = sql.SQL(", ").join(map(sql.Literal, after))
            where = sql.SQL("({}) > ({}) and {}").format(names, bound, condition)
        found = connection.execute(
            sql.SQL(
                "select {key}, to_jsonb(t)::text, array[{ends}] from {table} t where {where} order by {names} limit {n}"
            ).format(
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
