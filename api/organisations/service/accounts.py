"""Service accounts: programs of the organisation, with roles as members have them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated

from fastapi import Depends

from api.kernel.preconditions import Precondition
from api.kernel.principal import Principal
from api.kernel.transactions import Transaction
from api.organisations import events
from api.organisations.events import AccountState
from api.organisations.models import ServiceAccount
from api.organisations.schemas.access import AccountIn, AccountOut, RoleGivenIn
from api.organisations.service.rules import Rules, within
from nexus.db import Session
from nexus.errors import ConflictError
from nexus.ids import new_id


class AccountService:
    def __init__(self, session: Session) -> None:
        self._session = session
        self.rules = Rules(session)
        self.rows = self.rules.rows

    async def shown(self, account: ServiceAccount) -> AccountOut:
        state = await self.state(account)
        return AccountOut(
            id=account.id,
            name=account.name,
            description=account.description,
            is_disabled=state.is_disabled,
            roles=[RoleGivenIn.model_validate(r) for r in state.roles],
            version=account.version,
        )

    async def state(self, account: ServiceAccount) -> AccountState:
        return AccountState(
            name=account.name,
            description=account.description,
            is_disabled=account.disabled_at is not None,
            roles=await self.rules.roles_of(account),
        )

    async def create(self, caller: Principal, said: AccountIn) -> ServiceAccount:
        """Raises ConflictError if another has the name."""
        await self._name_free(said.name)
        made = ServiceAccount(
            id=new_id("sva"),
            organisation_id=caller.organisation,
            name=said.name,
            description=said.description,
            disabled_at=datetime.now(UTC) if said.is_disabled else None,
        )
        await self.rows.add(made)
        happened = events.ServiceAccountCreated(
            service_account_id=made.id, actor_id=caller.id, after=await self.state(made)
        )
        self._session.record(happened, expected_version=0)
        return made

    async def change(self, caller: Principal, id: str, said: AccountIn, seen: Precondition) -> ServiceAccount:
        """Raises NotFoundError, StaleError, EscalationError, ConflictError."""
        async with self.rules.changing(caller.organisation):
            found, before = await self._found(caller, id, seen)
            await self._name_free(said.name, id)
            found.name, found.description = said.name, said.description
            # said by hand: a closing that is cancelled leaves it so
            found.is_shut = False
            if said.is_disabled != before.is_disabled:
                found.disabled_at = datetime.now(UTC) if said.is_disabled else None
            await self._tell(caller, found, before)
        return found

    async def set_roles(
        self, caller: Principal, id: str, wanted: Sequence[RoleGivenIn], seen: Precondition
    ) -> ServiceAccount:
        """Raises NotFoundError, StaleError, InputError, EscalationError."""
        async with self.rules.changing(caller.organisation):
            found = await self.rows.get(ServiceAccount, id, to_change=True)
            seen.check(found.version)
            before = await self.state(found)
            await self.rules.set_roles(caller, found, wanted)
            await self._tell(caller, found, before)
        return found

    async def remove(self, caller: Principal, id: str, seen: Precondition) -> None:
        """Its keys go with it. Raises NotFoundError, StaleError, EscalationError."""
        async with self.rules.changing(caller.organisation):
            found, before = await self._found(caller, id, seen)
            await self.rows.remove(found)
            gone = events.ServiceAccountRemoved(service_account_id=id, actor_id=caller.id, before=before)
            self._session.record(gone)

    async def _found(self, caller: Principal, id: str, seen: Precondition) -> tuple[ServiceAccount, AccountState]:
        found = await self.rows.get(ServiceAccount, id, to_change=True)
        seen.check(found.version)
        within(
            caller, await self.rules.of_assignments(await self.rows.assignments(found)), "changing a service account"
        )
        return found, await self.state(found)

    async def _name_free(self, name: str, but: str = "") -> None:
        if await self.rows.has_name(ServiceAccount, name, but):
            raise ConflictError(f"there is a service account {name!r} already", remedy="choose another name")

    async def _tell(self, caller: Principal, account: ServiceAccount, before: AccountState) -> None:
        after = await self.state(account)
        if after != before:
            await self.rows.touch(account)
            self._session.record(
                events.ServiceAccountChanged(
                    service_account_id=account.id, actor_id=caller.id, before=before, after=after
                )
            )


async def _service(session: Transaction) -> AccountService:
    return AccountService(session)


Accounts = Annotated[AccountService, Depends(_service)]
