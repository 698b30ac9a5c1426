"""What slices hold of persons: `api/<domain>/personal.py` offers `HOLDINGS`, and all that are found are one list.

Belongs here: saying what a table holds of whom, and what becomes of it. Does not belong here: reading or erasing it
(`api/privacy`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from sqlalchemy import ColumnElement

from nexus import slices


@dataclass(frozen=True, slots=True)
class Subject:
    """The person whom it is about: their id, and their address in the form in which addresses are compared."""

    id: str
    email_key: str


@dataclass(frozen=True, slots=True)
class Holding:
    """Rows of `table` that are about a person: those that meet `where`.

    `shown` are the columns that an export hands over, `personal` those that tell who somebody is or where (the audit log
    leaves their values out). An erasure deletes the rows, unless `kept` says why they stay.
    """

    table: type[Any]
    where: Callable[[Subject], ColumnElement[bool]]
    shown: tuple[str, ...]
    personal: tuple[str, ...] = ()
    kept: str = ""

    @property
    def name(self) -> str:
        return str(self.table.__tablename__)


@lru_cache(maxsize=1)
def holdings() -> tuple[Holding, ...]:
    """Those of every slice, in the order in which an erasure takes them: `scim` before `organisations`, on which it stands."""
    found = reversed(slices.modules("personal").values())
    return tuple(holding for module in found for holding in module.HOLDINGS)


@lru_cache(maxsize=1)
def personal_columns() -> Mapping[str, frozenset[str]]:
    """Table → columns whose values tell who somebody is."""
    found: dict[str, frozenset[str]] = {}
    for holding in holdings():
        found[holding.name] = found.get(holding.name, frozenset()) | frozenset(holding.personal)
    return found
