"""Pages by cursor: `?limit=&cursor=` → `{data, next_cursor, has_more}`, in an order that does not move.

Belongs here: the parameters, the envelope, the statement of one page. Does not belong here: what is listed.
A cursor holds where the page ended, not a number of rows: what is added or removed meanwhile shifts nothing. It belongs to
the list, with the filters, that gave it: elsewhere it would pass rows over unnoticed.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any, Generic, TypeVar

import orjson
from fastapi import Depends, Query, Request
from pydantic import BaseModel, Field
from sqlalchemy import Select, tuple_
from sqlalchemy.orm import InstrumentedAttribute

from nexus.db import Base, Session
from nexus.db.direct import Direct
from nexus.errors import InputError

T = TypeVar("T")
Row = TypeVar("Row")
Entity = TypeVar("Entity", bound=Base)
#: What a `bigint` holds at most.
_BIGGEST = 2**63 - 1


class Page(BaseModel, Generic[T]):
    """Some of a list."""

    data: list[T]
    next_cursor: str | None = Field(default=None, description="`cursor` of the next page; null on the last")
    has_more: bool = Field(examples=[False])


@dataclass(frozen=True, slots=True)
class Cut:
    """What the caller asked for: at most `limit` rows after `cursor`, of the list `of` (its address and filters, digested)."""

    limit: int
    cursor: str | None
    of: str = ""


async def _cut(
    request: Request,
    limit: Annotated[int, Query(ge=1, le=200, description="at most so many")] = 50,
    cursor: Annotated[str | None, Query(max_length=1000, description="`next_cursor` of the page before")] = None,
) -> Cut:
    return Cut(limit, cursor, _list(request))


def _list(request: Request) -> str:
    """The same for every page of one list, and for no other."""
    filters = sorted(pair for pair in request.query_params.multi_items() if pair[0] not in {"limit", "cursor"})
    said = orjson.dumps([request.scope["path"], filters])
    return base64.urlsafe_b64encode(hashlib.sha256(said).digest()[:6]).decode()


#: The page that the caller asks for.
PageQuery = Annotated[Cut, Depends(_cut)]


@dataclass(frozen=True, slots=True)
class Rows(Generic[Row]):
    """One page of rows, still to be shown."""

    rows: Sequence[Row]
    next_cursor: str | None

    def page(self, show: type[Any] | Any) -> Page[Any]:
        """The envelope; `show` makes the entry of a row."""
        return Page(
            data=[show(row) for row in self.rows], next_cursor=self.next_cursor, has_more=self.next_cursor is not None
        )


async def paged(
    session: Session, select: Select[tuple[Row]], cut: Cut, *by: InstrumentedAttribute[Any], descending: bool = True
) -> Rows[Row]:
    """One page of `select` in the order of the columns `by`, the last of which must be unique (the id is).

    Raises InputError for a cursor that is none of this list.
    """
    if cut.cursor is not None:
        after = tuple_(*by)
        values = _decoded(cut.cursor, cut, by)
        select = select.where(after < values if descending else after > values)
    order = [column.desc() if descending else column.asc() for column in by]
    return _cut_off((await session.scalars(select.order_by(*order).limit(cut.limit + 1))).all(), cut, by)


async def page_of(
    session: Direct, model: type[Entity], cut: Cut, *by: InstrumentedAttribute[Any], descending: bool = True
) -> Rows[Entity]:
    """As `paged`, of all rows of a model that the tenant has."""
    after = None if cut.cursor is None else _decoded(cut.cursor, cut, by)
    names = [column.key for column in by]
    return _cut_off(await session.page(model, names, after, cut.limit + 1, descending=descending), cut, by)


def _cut_off(found: Sequence[Row], cut: Cut, by: Sequence[InstrumentedAttribute[Any]]) -> Rows[Row]:
    """The page of what was found, which is one row more if there is another page."""
    rows = found[: cut.limit]
    more = len(found) > cut.limit
    return Rows(rows, _encoded([getattr(rows[-1], c.key) for c in by], cut, by) if more else None)


def _encoded(values: Sequence[Any], cut: Cut, by: Sequence[InstrumentedAttribute[Any]]) -> str:
    said = [[c.key for c in by], [v.isoformat() if isinstance(v, datetime) else v for v in values], cut.of]
    return base64.urlsafe_b64encode(orjson.dumps(said)).decode().rstrip("=")


def _decoded(cursor: str, cut: Cut, by: Sequence[InstrumentedAttribute[Any]]) -> tuple[Any, ...]:
    try:
        keys, values, of = orjson.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        if (keys, of) != ([c.key for c in by], cut.of):
            raise ValueError(keys)
        return tuple(_read(value, column) for value, column in zip(values, by, strict=True))
    except (ValueError, TypeError, OverflowError, binascii.Error):
        raise InputError(
            "the cursor is not one of this list",
            remedy="leave it out to begin at the start, or send `next_cursor` as it came, with the filters of that page",
        ) from None


def _read(value: Any, column: InstrumentedAttribute[Any]) -> Any:
    """Raises ValueError, TypeError or OverflowError for what PostgreSQL could not compare with the column."""
    kind = column.type.python_type
    if kind is datetime:
        # here, where it may fail: the driver would only find there that it cannot
        at = datetime.fromisoformat(value)
        if at.tzinfo is None:
            raise ValueError(value)
        return at.astimezone(UTC)
    if type(value) is not kind:
        raise TypeError(value)
    if kind is int and not -_BIGGEST - 1 <= value <= _BIGGEST:
        raise OverflowError(value)
    return value
