"""Rows as objects of their models without SQLAlchemy's session: for transactions straight through the driver (direct.py).

Belongs here: what a model says of its table, its statements, objects of rows and values of objects. Does not belong here:
sending them. A model has one primary key of one column, as tables of slices do.

An object is of no session: to set an attribute changes no row, `Direct.change` does.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from typing import Any, Generic, TypeVar

import orjson
from sqlalchemy import JSON, Column, Table, inspect

from nexus.db.models import Base

Row = TypeVar("Row", bound=Base)
#: What `Timestamps` and `Versioned` add, where a model has it.
_TIMES, _VERSION = ("created_at", "updated_at"), "version"


@dataclass(frozen=True, slots=True)
class Shown(Generic[Row]):
    """A model and its statements. Columns are called as the attributes are."""

    model: type[Row]
    table: str
    key: str
    columns: Mapping[str, Column[Any]]
    json: frozenset[str]

    def get(self, *, to_change: bool = False) -> str:
        """`$1` is the id."""
        return f"{self._select} where {self.key} = $1{' for update' if to_change else ''}"

    def page(self, by: Sequence[str], *, has_start: bool, descending: bool) -> str:
        """Rows behind the values `$1`, `$2`, … of `by`, then how many at most."""
        said = ", ".join(f"${n + 1}" for n in range(len(by)))
        start = f" where ({', '.join(by)}) {'<' if descending else '>'} ({said})" if has_start else ""
        order = ", ".join(f"{name} {'desc' if descending else 'asc'}" for name in by)
        return f"{self._select}{start} order by {order} limit ${len(by) + 1 if has_start else 1}"

    def change(self, names: Sequence[str]) -> str:
        """`$1` is the id, then values of `names`; what the server makes of it comes back."""
        said = [f"{name} = ${n + 2}" for n, name in enumerate(names)]
        said += ["updated_at = now()"] if "updated_at" in self.columns else []
        said += ["version = version + 1"] if _VERSION in self.columns else []
        return f"update {self.table} set {', '.join(said)} where {self.key} = $1 returning {', '.join(self.columns)}"

    @property
    def remove(self) -> str:
        """`$1` is the id."""
        return f"delete from {self.table} where {self.key} = $1"

    @property
    def _select(self) -> str:
        return f"select {', '.join(self.columns)} from {self.table}"

    def made(self, found: Mapping[str, Any]) -> Row:
        return self.model(**self.read(found))

    def read(self, found: Mapping[str, Any]) -> dict[str, Any]:
        """Values of a row as the model's attributes hold them."""
        values = {name: found[name] for name in self.columns}
        for name in self.json:
            if isinstance(values[name], str):
                values[name] = orjson.loads(values[name])
        return values

    def written(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """Values of attributes as the driver takes them."""
        return {n: orjson.dumps(v).decode() if n in self.json and v is not None else v for n, v in values.items()}


@cache
def of(model: type[Row]) -> Shown[Row]:
    mapper = inspect(model)
    table = mapper.local_table
    assert isinstance(table, Table)
    columns = {a.key: table.c[a.columns[0].name] for a in mapper.column_attrs}
    if odd := [name for name, column in columns.items() if column.name != name]:
        raise TypeError(f"{model.__name__}: {odd} are called otherwise in the table")
    (key,) = table.primary_key
    json = frozenset(name for name, column in columns.items() if isinstance(column.type, JSON))
    return Shown(model, table.fullname, key.name, columns, json)


def completed(row: Base) -> dict[str, Any]:
    """Values of a new row, all columns; sets what was left out: times (this process's clock), version 1, a default, None.

    Raises TypeError for what only the server could fill in: the answer would be made before it is known.
    """
    shown, now = of(type(row)), datetime.now(UTC)
    said = inspect(row).dict
    for name, column in shown.columns.items():
        if name in said:
            continue
        if name in _TIMES:
            value: Any = now
        elif name == _VERSION:
            value = 1
        elif column.default is not None and column.default.is_scalar:
            value = column.default.arg  # type: ignore[attr-defined]
        elif column.nullable and column.server_default is None:
            value = None
        else:
            raise TypeError(f"{type(row).__name__}.{name} is not set, and nobody knows it before the row is written")
        setattr(row, name, value)
    return shown.written({name: said[name] for name in shown.columns})
