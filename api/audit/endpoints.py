"""HTTP of the audit log: reading it. Nothing writes it but what administrators do."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from fastapi import Query
from pydantic import BeforeValidator

from api.audit import repository
from api.audit.policies import AuditReader
from api.audit.repository import Asked
from api.audit.schemas import EntryOut
from api.audit.service import shown
from api.kernel.pages import Page, PageQuery
from api.kernel.routing import Router
from api.kernel.text import moment
from api.kernel.transactions import Transaction
from api.problems import GUARDED

router = Router(prefix="/v1/audit", tags=["audit"], responses=GUARDED)
_Time = Annotated[datetime | None, BeforeValidator(moment), Query(description="RFC 3339")]


@router.get("")
async def list_entries(
    caller: AuditReader,
    session: Transaction,
    page: PageQuery,
    actor_id: Annotated[str | None, Query(max_length=100)] = None,
    action: Annotated[str | None, Query(max_length=200, description="part of it, such as `/v1/groups`")] = None,
    since: _Time = None,
    until: _Time = None,
) -> Page[EntryOut]:
    """What administrators did in the organisation, newest first."""
    found = await repository.page(session, Asked(actor_id, action, since, until), page)
    entries = await shown(session, found.rows)
    return Page(data=entries, next_cursor=found.next_cursor, has_more=found.next_cursor is not None)
