"""What the first start makes: the organisation of this machine with its workspaces, and one owner.

Belongs here: `run`, which `nexus up` and `nexus serve` call (every slice may offer one). Does not belong here: later members.

The owner's password is returned to be printed once: it is kept as a hash alone, goes to no log, and must be changed at the
first sign-in. Who loses it: `nexus users reset-link owner@localhost`.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable, Iterable

from api.identity import directory
from api.identity.passwords import Passwords
from api.organisations.events import RoleGiven, WorkspaceCreated, WorkspaceState
from api.organisations.repository.organisation import OrganisationRepository
from api.organisations.roles import OWNER
from api.organisations.service.members import MemberService
from nexus import connections
from nexus.db import LOCAL_ORGANISATION, Database, Session, Tenant
from nexus.settings import Settings
from warehouse import ledger

OWNER_ADDRESS = "owner@localhost"
#: Who acts where nobody has signed in yet.
ACTOR = "local"


def run(settings: Settings) -> list[str]:
    """Makes what is missing; returns what is to be said to whoever sits at this machine. Does nothing twice."""
    slugs = {settings.workspace, *connections.workspaces(settings), *_landed(settings)}
    return asyncio.run(_run(settings, slugs))


async def _run(settings: Settings, slugs: Iterable[str]) -> list[str]:
    database = Database(settings, pool_size=4)
    password = secrets.token_urlsafe(15)
    try:
        async with database.system(Tenant(LOCAL_ORGANISATION)) as session:
            await workspaces(session, LOCAL_ORGANISATION, slugs)
            made = await owner(session, LOCAL_ORGANISATION, lambda: Passwords(settings).hash_now(password))
    finally:
        await database.close()
    if not made:
        return []
    return [f"sign in at {settings.address}/signin as {OWNER_ADDRESS} with the password {password} (shown this once)"]


async def workspaces(session: Session, organisation: str, slugs: Iterable[str]) -> None:
    """Makes those that nobody has."""
    repository = OrganisationRepository(session)
    for slug in sorted(slugs):
        if await repository.ensure_workspace(organisation, slug, slug):
            session.record(WorkspaceCreated(workspace_id=slug, actor_id=ACTOR, after=WorkspaceState(name=slug)))


async def owner(session: Session, organisation: str, hashed: Callable[[], str]) -> bool:
    """Makes a person who owns the organisation, unless it has a member; returns whether it did. `hashed` makes the hash."""
    members = MemberService(session)
    await members.rows.lock(organisation)
    if await members.rows.has_members(organisation):
        return False
    person = await directory.by_email(session, OWNER_ADDRESS)
    if person is None:
        person = await directory.create(
            session, email=OWNER_ADDRESS, name="Owner", password_hash=hashed(), must_change_password=True
        )
    given = [RoleGiven(role=OWNER, scope="*")]
    await members.create(organisation, person.id, given, actor=ACTOR, is_break_glass=True)
    return True


def _landed(settings: Settings) -> set[str]:
    with ledger.connect(settings) as connection:
        return {row["workspace_id"] for row in connection.execute("select distinct workspace_id from batch")}
