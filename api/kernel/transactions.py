"""One request is one transaction, committed at the edge before its answer is sent.

Belongs here: the dependency. Does not belong here: what a transaction is (nexus/db/session.py).

It begins with the first statement, acts for the tenant of the credential, and is rolled back on any error, also one in
making the answer. A service never commits; an endpoint refuses by raising, since an answer that it returns commits.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from functools import partial
from typing import Annotated

from fastapi import Depends, Request

from api.kernel import short
from api.kernel.acts import asked
from nexus.db import Database, Session
from nexus.db.direct import Direct
from nexus.tenancy import Tenant


def database(request: Request) -> Database:
    found = request.app.state.database
    assert isinstance(found, Database)
    return found


async def _transaction(request: Request) -> AsyncIterator[Session]:
    def tenant() -> Tenant | None:
        principal = getattr(request.state, "principal", None)
        return principal.tenant if principal else None

    async with database(request).session(tenant) as session:
        session.act = partial(asked, request)
        request.state.session = session
        yield session
        await session.commit()


async def direct(request: Request) -> AsyncIterator[Direct]:
    def tenant() -> Tenant | None:
        principal = getattr(request.state, "principal", None)
        return principal.tenant if principal else None

    session = database(request).direct(tenant, partial(short.owed, request.scope), short.is_possible(request))
    session.act = partial(asked, request)
    try:
        yield session
        await session.commit()
    finally:
        await session.close()


#: The transaction of this request. scope="function": it ends before the answer is sent, not after.
Transaction = Annotated[Session, Depends(_transaction, scope="function")]
#: The same straight through the driver: rows one by one and in pages, nothing that the audit log is to witness (nexus/db/direct.py).
DirectTransaction = Annotated[Direct, Depends(direct, scope="function")]
