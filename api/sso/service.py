"""The rules of connections: what one needs, what it may not give away, which event tells of it.

Belongs here: making, changing, removing one. Does not belong here: signing in by it, testing it (checks.py).
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Annotated, Any

from fastapi import Depends, Request

from api.kernel.preconditions import Precondition
from api.kernel.principal import Principal
from api.kernel.transactions import Transaction
from api.organisations import dns
from api.organisations.schemas.access import RoleGivenIn
from api.organisations.service.rules import Rules
from api.sso import repository, saml
from api.sso.events import ConnectionChanged, ConnectionCreated, ConnectionRemoved, ConnectionState, LinkRemoved
from api.sso.models import Connection
from api.sso.schemas import ConnectionIn
from nexus.db import Session
from nexus.egress import Policy
from nexus.errors import InputError
from nexus.ids import new_id
from nexus.sealing import Sealer
from nexus.settings import Settings

#: What secrets of connections are sealed for.
PURPOSE = "sso/connection"


def state(row: Connection) -> ConnectionState:
    return ConnectionState(**{name: getattr(row, name) for name in ConnectionState.model_fields})


class ConnectionService:
    def __init__(self, session: Session, settings: Settings) -> None:
        self._session, self._settings = session, settings
        self._sealer = Sealer(settings, PURPOSE)
        self.rules = Rules(session)

    async def create(self, caller: Principal, said: ConnectionIn) -> Connection:
        """Raises InputError for what cannot be, EscalationError if it would give roles beyond the caller's."""
        made = Connection(
            id=new_id("cnx"), organisation_id=caller.organisation, kind=said.kind, sealed=None, certificate=None
        )
        if said.saml:
            key, made.certificate = await asyncio.to_thread(saml.new_key, made.id)
            made.sealed = self._sealer.seal(key.encode(), made.id)
        await self._set(caller, made, said, [])
        self._session.add(made)
        await self._session.flush()
        happened = ConnectionCreated(connection_id=made.id, actor_id=caller.id, after=state(made))
        self._session.record(happened, expected_version=0)
        return made

    async def change(self, caller: Principal, id: str, said: ConnectionIn, seen: Precondition) -> Connection:
        """Raises NotFoundError, StaleError, EscalationError; InputError, also if it would become of another kind."""
        found = await repository.get(self._session, id, to_change=True)
        seen.check(found.version)
        if said.kind != found.kind:
            raise InputError(f"this connection is one of {found.kind}", remedy="make another, and remove this one")
        before, sealed = state(found), found.sealed
        await self._set(caller, found, said, [*found.default_roles, *(g["role"] for g in found.group_roles)])
        after = state(found)
        await self._session.flush()
        if after != before or found.sealed != sealed:
            happened = ConnectionChanged(
                connection_id=id, actor_id=caller.id, before=before, after=after,
                is_secret_changed=found.sealed != sealed,
            )  # fmt: skip
            self._session.record(happened)
        return found

    async def remove(self, caller: Principal, id: str, seen: Precondition) -> None:
        """With whom it named; sessions that began there end. Raises NotFoundError, StaleError."""
        found = await repository.get(self._session, id, to_change=True)
        seen.check(found.version)
        self._session.record(ConnectionRemoved(connection_id=id, actor_id=caller.id, before=state(found)))
        await self._session.delete(found)

    async def unlink(self, caller: Principal, id: str, user_id: str) -> None:
        """Whoever has the user's address next is linked anew. Raises NotFoundError; InputError if nobody is."""
        found = await repository.get(self._session, id, to_change=True)
        link_id = await repository.unlink(self._session, found.id, user_id)
        if link_id is None:
            raise InputError("this connection has named no such user", remedy="GET /v1/members lists user ids")
        happened = LinkRemoved(link_id=link_id, connection_id=id, user_id=user_id, actor_id=caller.id)
        self._session.record(happened)

    async def _set(self, caller: Principal, row: Connection, said: ConnectionIn, had: Sequence[dict[str, Any]]) -> None:
        wanted = [*said.default_roles, *(g.role for g in said.group_roles)]
        # what was there already is not asked about; each role alone, for the same may be of several groups
        for given in wanted:
            if given.model_dump() not in had:
                await self.rules.checked(caller, [given])
        if any(given.condition for given in wanted):
            raise InputError("roles of a connection have no condition", remedy="give the role to a group of members")
        row.name, row.is_enabled = said.name, said.is_enabled
        row.domains = await self._proved(caller.organisation, said.domains)
        row.mapping, row.is_mfa_trusted = said.mapping.model_dump(), said.is_mfa_trusted
        row.is_provisioning = said.is_provisioning
        row.default_roles = _plain(said.default_roles)
        row.group_roles = [g.model_dump() for g in said.group_roles]
        if said.saml:
            row.settings = saml.provider(said.saml)
        if said.oidc:
            self.callable(said.oidc.issuer)
            row.settings = said.oidc.model_dump(exclude={"client_secret"})
            if said.oidc.client_secret is not None:
                row.sealed = self._sealer.seal(said.oidc.client_secret.get_secret_value().encode(), row.id)

    async def _proved(self, organisation: str, domains: Sequence[str]) -> list[str]:
        """Raises InputError for a domain that the organisation has not proved."""
        wanted = sorted({dns.normal(name) for name in domains})
        if unproved := sorted(set(wanted) - await repository.proved(self._session, organisation)):
            raise InputError(
                f"the organisation has not proved {unproved[0]}",
                remedy="POST /v1/domains, add the record to DNS, and :verify it first",
            )
        return wanted

    def callable(self, issuer: str) -> None:
        """Raises InputError for an issuer that Nexus does not call."""
        if objection := Policy.of(self._settings).objection(issuer):
            raise InputError(f"the issuer {objection}", remedy="write it as the provider does; docs/egress.md")


def secret(settings: Settings, row: Connection) -> str | None:
    """The client's secret, or our private key as PEM. Raises UnsealableError."""
    return Sealer(settings, PURPOSE).open(row.sealed, row.id).decode() if row.sealed else None


def _plain(given: Sequence[RoleGivenIn]) -> list[dict[str, Any]]:
    return [g.model_dump() for g in given]


async def _service(session: Transaction, request: Request) -> ConnectionService:
    return ConnectionService(session, request.app.state.settings)


Connections = Annotated[ConnectionService, Depends(_service)]
