"""The transaction of a provisioning request: it acts for the organisation, and steps out of it where a person is concerned.

Belongs here: the dependency, and the step. Does not belong here: what is done there (people.py).

People are global and only `nexus_system` sees them, memberships are of a tenant and row-level security guards them. Both
change together or not at all, so one transaction changes its role, as a consumer's does.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from typing import Annotated

from fastapi import Depends, Request
from sqlalchemy import text

from api.kernel.acts import asked
from api.kernel.transactions import database
from api.scim.policies import Provisioner
from nexus.db import Session, roles


async def _transaction(request: Request, caller: Provisioner) -> AsyncIterator[Session]:
    async with database(request).system(caller.tenant) as session:
        await _become(session, roles.API)
        session.act = partial(asked, request)
        request.state.session = session
        yield session
        await session.flush()
        # events about people belong to this machine's organisation
        await _become(session, roles.SYSTEM)


#: Sees and writes what is the organisation's, under its policies.
ScimTransaction = Annotated[Session, Depends(_transaction, scope="function")]


@asynccontextmanager
async def among_people(session: Session) -> AsyncIterator[None]:
    """Inside, the transaction sees people and every organisation: each statement says which it means."""
    await session.flush()
    await _become(session, roles.SYSTEM)
    yield
    await session.flush()
    # after an error nothing more can be said: the transaction is rolled back
    await _become(session, roles.API)


async def _become(session: Session, role: str) -> None:
    await session.execute(text(f"set local role {role}"))
