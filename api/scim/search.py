"""Finding users and groups: filters, order, pages.

Belongs here: which rows a search reads, and what it answers. Does not belong here: what a filter means (scim2-models).

Directories ask for one name or one external id: such a comparison, alone or beside others with `and`, is a statement. So is
a page of everything. Whatever else there is (any filter of RFC 7644, any order) is decided over the rows themselves,
as long as there are not too many.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

from scim2_models import NotImplementedException, ResourceType, SearchRequest, TooManyException
from scim2_models.path import CompareOperator, Comparison, LogicalExpr, LogicalOperator
from scim2_server.storage import SearchPage
from sqlalchemy import ColumnElement

from api.organisations.models import Group, Member
from api.scim import resources
from api.scim.provider import USER
from api.scim.repository import ScimRepository, by_display_name, by_external_id, by_ids, by_member

#: Rows that one search may look at, and how many at a time.
MOST, BATCH = 5_000, 500


async def search(rows: ScimRepository, kinds: list[ResourceType], asked: SearchRequest[Any]) -> SearchPage:
    """One page. Raises TooManyException, NotImplementedException."""
    if len(kinds) != 1:
        raise NotImplementedException(detail="search one kind of resource at a time: /Users or /Groups")
    table: type[Member] | type[Group] = Member if kinds[0].name == USER.name else Group
    show: Callable[[Any], Any] = resources.user if table is Member else resources.group
    read: Any = rows.users if table is Member else rows.groups
    start, count = (asked.start_index or 1) - 1, asked.count if asked.count is not None else MOST
    total = await rows.count(table)
    if asked.filter is None and asked.sort_by is None:
        found = await read(limit=count, offset=max(start, 0)) if count else []
        return SearchPage(total, [show(entry) for entry in found])
    narrowed = await _narrowed(rows, table, asked)
    if narrowed is None and total > MOST:
        raise TooManyException(detail=f"of more than {MOST}, only userName, externalId, id or displayName find some")
    matching = [r async for r in _resources(read, show, narrowed) if asked.filter is None or asked.filter.match(r)]
    if asked.sort_by is not None:
        matching.sort(key=lambda r: _place(asked, r), reverse=asked.sort_order == SearchRequest.SortOrder.descending)
    return SearchPage(len(matching), matching[max(start, 0) : max(start, 0) + count])


async def _resources(read: Any, show: Callable[[Any], Any], where: ColumnElement[bool] | None) -> AsyncIterator[Any]:
    for offset in range(0, MOST, BATCH):
        entries = await read(*([where] if where is not None else []), limit=BATCH, offset=offset)
        for entry in entries:
            yield show(entry)
        if len(entries) < BATCH:
            return
        # making resources is work: others come in between
        await asyncio.sleep(0)


def _place(asked: SearchRequest[Any], resource: Any) -> tuple[bool, Any, str]:
    value = asked.sort_value(resource)
    return value is None, value if value is not None else "", resource.id


async def _narrowed(
    rows: ScimRepository, table: type[Member] | type[Group], asked: SearchRequest[Any]
) -> ColumnElement[bool] | None:
    """A condition that every match fulfils; None if the filter gives no such."""
    ast = asked.filter.ast if asked.filter is not None else None
    terms = ast.terms if isinstance(ast, LogicalExpr) and ast.op == LogicalOperator.and_ else (ast,)
    for term in terms:
        if isinstance(term, Comparison) and term.op == CompareOperator.eq and isinstance(term.value, str):
            path = term.attr_path
            name = (f"{path.attr}.{path.sub_attr}" if path.sub_attr else path.attr).lower()
            if name == "id":
                return by_ids(table, [term.value])
            if name == "externalid":
                return by_external_id(table, term.value)
            if table is Member and name == "username":
                return await rows.named(resources.key(term.value))
            if table is Group and name == "displayname":
                return by_display_name(term.value)
            if table is Group and name == "members.value":
                return by_member(term.value)
    return None
