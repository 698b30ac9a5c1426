"""What an organisation's directory may do to a person, who may belong to other organisations too.

Belongs here: making, adopting, renaming, ending and reviving accounts. Does not belong here: memberships (users.py).

An address is an account's only if the organisation has proved its domain. Without one the account has an address that
nobody can receive at: it has groups and roles, and signs in by the organisation's own identity provider or not at all. What
a person is elsewhere, no directory changes: name and address follow it only while it made the account and nobody else
has the person as a member.
"""

from __future__ import annotations

from collections.abc import Sequence

from scim2_models import ForbiddenException, UniquenessException

from api.identity import directory, sessions
from api.identity.models import SessionRow
from api.oidc.flow.server import revoke
from api.oidc.models import Grant
from api.scim.models import ScimAccount
from api.scim.repository import ScimRepository
from api.scim.transactions import among_people
from nexus.db import Session
from nexus.ids import new_id

BECAUSE = "deprovisioned"


class People:
    """People, for one organisation's directory and in one transaction."""

    def __init__(self, session: Session, organisation: str) -> None:
        self._session = session
        self._organisation = organisation
        self._rows = ScimRepository(session)

    async def found_or_made(self, wanted: Sequence[str], name: str) -> str:
        """User id of the person with the first address of a proved domain; made if nobody has it.

        Raises ForbiddenException if whoever runs this machine has deactivated the account.
        """
        address = await self._proved(wanted)
        async with among_people(self._session):
            person = await directory.by_email(self._session, address) if address else None
            is_made = person is None
            if person is None:
                person = await directory.create(
                    self._session,
                    email=address or f"{new_id('scim')}@{self._organisation}.invalid",
                    name=name,
                    email_verified=address is not None,
                )
        if is_made:
            await self._rows.add(ScimAccount(user_id=person.id, organisation_id=self._organisation))
        elif not person.active:
            await self.revive(person.id)
        return person.id

    async def follow(self, user_id: str, wanted: Sequence[str], name: str) -> None:
        """Gives an account that is this directory's own the name and address that it says now. Raises UniquenessException."""
        if await self._rows.account(user_id) is None:
            return
        address = await self._proved(wanted)
        async with among_people(self._session):
            if await self._rows.belongs_elsewhere(user_id, self._organisation):
                return
            if address and (other := await directory.by_email(self._session, address)) and other.id != user_id:
                raise UniquenessException(detail="another account has the address")
            await directory.rename(self._session, user_id, name=name, email=address)

    async def end(self, user_id: str) -> None:
        """Ends at once whatever the person has open here: every browser session, every token for this organisation.

        Of whom another organisation has too, only sessions that this one's provider has vouched for end: the others open nothing
        here without the membership. The account itself ends if this directory made it and no other organisation has the person.
        """
        account = await self._rows.account(user_id)
        async with among_people(self._session):
            elsewhere = await self._rows.belongs_elsewhere(user_id, self._organisation)
            within = [SessionRow.realm == self._organisation] if elsewhere else []
            await sessions.end(self._session, user_id, BECAUSE, *within)
            await revoke(self._session, BECAUSE, Grant.user_id == user_id, Grant.organisation_id == self._organisation)
            person = await directory.user(self._session, user_id)
            is_ending = account is not None and not elsewhere and person is not None and person.active
            if is_ending:
                await directory.deactivate(self._session, user_id)
        if account is not None and is_ending:
            account.deactivated_at = await self._rows.now()
            await self._rows.saved()

    async def revive(self, user_id: str) -> None:
        """Lets an account live that this directory ended. Raises ForbiddenException if somebody else ended it."""
        async with among_people(self._session):
            person = await directory.user(self._session, user_id)
        if person is None or person.active:
            return
        account = await self._rows.account(user_id)
        if account is None or account.deactivated_at is None:
            raise ForbiddenException(detail="the account was deactivated by whoever runs this machine, not by SCIM")
        async with among_people(self._session):
            await directory.reactivate(self._session, user_id)
        account.deactivated_at = None
        await self._rows.saved()

    async def _proved(self, wanted: Sequence[str]) -> str | None:
        domains = {address: address.rpartition("@")[2].lower() for address in wanted}
        proved = await self._rows.proved(set(domains.values()))
        return next((address for address, domain in domains.items() if domain in proved), None)
