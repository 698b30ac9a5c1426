"""Domains: said to be one's own, proved by DNS, and then the way home of everybody with such an address."""

from __future__ import annotations

import secrets
from datetime import UTC, datetime
from typing import Annotated

from fastapi import Depends, Request

from api.kernel.preconditions import Precondition
from api.kernel.principal import Principal
from api.kernel.transactions import Transaction
from api.organisations import dns, events
from api.organisations.events import DomainState
from api.organisations.models import Domain
from api.organisations.repository.joining import JoiningRepository
from api.organisations.repository.rows import RowRepository
from api.organisations.schemas.joining import DomainOut
from nexus.db import Session
from nexus.errors import ConflictError, InputError
from nexus.ids import new_id


def record_name(domain: str) -> str:
    return f"_nexus.{domain}"


def record_value(proof: str) -> str:
    return f"nexus-domain={proof}"


def shown(row: Domain) -> DomainOut:
    return DomainOut(
        id=row.id, name=row.name, record_name=record_name(row.name), record_value=record_value(row.proof),
        verified_at=row.verified_at, checked_at=row.checked_at, version=row.version,
    )  # fmt: skip


def state(row: Domain) -> DomainState:
    return DomainState(name=row.name, is_verified=row.verified_at is not None)


class DomainService:
    def __init__(self, session: Session, txt: dns.Txt | None) -> None:
        self._session = session
        self._txt = txt
        self.rows = RowRepository(session)

    async def create(self, caller: Principal, name: str) -> Domain:
        """Raises InputError, ConflictError if the organisation has it already."""
        name = dns.normal(name)
        if await JoiningRepository(self._session).domain(name):
            raise ConflictError("the organisation has this domain already", remedy="verify it")
        made = Domain(id=new_id("dom"), organisation_id=caller.organisation, name=name, proof=secrets.token_urlsafe(24))
        await self.rows.add(made)
        happened = events.DomainCreated(domain_id=made.id, actor_id=caller.id, after=state(made))
        self._session.record(happened, expected_version=0)
        return made

    async def verify(self, caller: Principal, id: str) -> Domain:
        """Asks DNS. Raises NotFoundError, InputError if the record is not there, ProviderError, ConflictError if another has proved it."""
        found = await self.rows.get(Domain, id)
        assert self._txt is not None, "asking DNS needs something that asks"
        records = await self._txt.records(record_name(found.name))
        if not any(secrets.compare_digest(record_value(found.proof).encode(), r.strip().encode()) for r in records):
            raise InputError(
                f"DNS does not show the proof at {record_name(found.name)} ({len(records)} other TXT records)",
                remedy="add the record; it may take as long as its zone's time to live to be seen",
            )
        return await self._proved(caller, found)

    async def trust(self, caller: Principal, name: str) -> Domain:
        """Holds it for proved because whoever runs the machine says so. Raises InputError, ConflictError as `verify`."""
        name = dns.normal(name)
        found = await JoiningRepository(self._session).domain(name) or await self.create(caller, name)
        return await self._proved(caller, found)

    async def _proved(self, caller: Principal, found: Domain) -> Domain:
        before = state(found)
        is_new = found.verified_at is None
        found.checked_at = datetime.now(UTC)
        found.verified_at = found.verified_at or found.checked_at
        # the index lets one organisation prove a domain: whoever is second is told of a conflict here
        await self._session.flush()
        if is_new:
            happened = events.DomainChanged(domain_id=found.id, actor_id=caller.id, before=before, after=state(found))
            self._session.record(happened)
        return found

    async def remove(self, caller: Principal, id: str, seen: Precondition) -> None:
        """Addresses of it lead nowhere any more. Raises NotFoundError, StaleError."""
        found = await self.rows.get(Domain, id, to_change=True)
        seen.check(found.version)
        await self.rows.remove(found)
        self._session.record(events.DomainRemoved(domain_id=id, actor_id=caller.id, before=state(found)))


async def _service(session: Transaction, request: Request) -> DomainService:
    return DomainService(session, request.app.state.txt)


Domains = Annotated[DomainService, Depends(_service)]
