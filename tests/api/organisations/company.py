"""An organisation with members, groups and roles, made in the database as its services would leave it."""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable
from typing import TypeVar

from api.identity import directory
from api.organisations.models import Assignment, Group, GroupMember, Member, Role, ServiceAccount
from nexus.db import Database, Organisation, Session, Tenant, Workspace
from nexus.ids import new_id
from tests.api.kernel import Caller, Kernel
from tests.api.outside import outside

T = TypeVar("T")


class Company:
    """One organisation with two workspaces, and an owner who calls with the grants that the database gives."""

    def __init__(self, kernel: Kernel) -> None:
        self.kernel = kernel
        self.id = new_id("org")
        self.one, self.two = (f"{name}-{secrets.token_hex(5)}" for name in ("one", "two"))
        self.add(
            Organisation(id=self.id, name="Example Works"),
            *(Workspace(id=w, organisation_id=self.id, name=w) for w in (self.one, self.two)),
        )

    def within(self, act: Callable[[Session], Awaitable[T]], *, everything: bool = False) -> T:
        """What `act` gives back in one transaction for this organisation (or one that sees all)."""

        async def run(database: Database) -> T:
            tenant = Tenant(self.id)
            async with database.system(tenant) if everything else database.transaction(tenant) as session:
                return await act(session)

        return outside(self.kernel.settings, run)

    def add(self, *rows: object) -> None:
        async def added(session: Session) -> None:
            for row in rows:
                session.add(row)
                await session.flush()

        self.within(added)

    def member(self, *roles: tuple[str, str], **said: object) -> Member:
        """A member with roles, each with where it counts, and the person that it is."""
        made = Member(id=new_id("mem"), organisation_id=self.id, user_id=self._person(), **said)
        self.add(made)
        self.give(*roles, member_id=made.id)
        return made

    def _person(self) -> str:
        email = f"{secrets.token_hex(6)}@works.example"
        made = self.within(lambda session: directory.create(session, email=email, name="Somebody"), everything=True)
        return made.id

    def group(self, *members: Member, roles: tuple[tuple[str, str], ...] = ()) -> Group:
        made = Group(id=new_id("grp"), organisation_id=self.id, name=secrets.token_hex(4))
        self.add(made, *(GroupMember(organisation_id=self.id, group_id=made.id, member_id=m.id) for m in members))
        self.give(*roles, group_id=made.id)
        return made

    def service_account(self, *roles: tuple[str, str]) -> ServiceAccount:
        made = ServiceAccount(id=new_id("sva"), organisation_id=self.id, name=secrets.token_hex(4))
        self.add(made)
        self.give(*roles, service_account_id=made.id)
        return made

    def role(self, *permissions: str) -> Role:
        made = Role(
            id=new_id("role"), organisation_id=self.id, name=secrets.token_hex(4), permissions=list(permissions)
        )
        self.add(made)
        return made

    def give(self, *roles: tuple[str, str], condition: str | None = None, **subject: str) -> None:
        self.add(
            *(
                Assignment(
                    id=new_id("asg"), organisation_id=self.id, role=role, scope=scope, condition=condition,
                    created_by="test", **subject,
                )
                for role, scope in roles
            )
        )  # fmt: skip

    def caller(self, member: Member) -> Caller:
        """A client that acts as the member, with what the database says that it may."""
        from api.organisations import access

        async def found(session: Session) -> access.Access | None:
            return await access.of(session, self.id, user_id=member.user_id)

        has = self.within(found)
        assert has is not None
        return self.kernel.caller(
            organisation=self.id, workspaces=has.workspaces(), grants=has.grants(), id=member.user_id
        )
