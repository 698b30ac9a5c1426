"""The rules of applications: what a registration needs, what it may not give away, which event tells of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated

from fastapi import Depends

from api.kernel.preconditions import Precondition
from api.kernel.principal import EVERYTHING, EVERYWHERE, ForbiddenError, Principal
from api.kernel.transactions import Transaction
from api.oidc import scopes, tokens
from api.oidc.events import ClientChanged, ClientRegistered, ClientRemoved, SecretRotated
from api.oidc.flow.parties import PUBLIC
from api.oidc.models import Client
from api.oidc.repository.clients import ClientRepository
from api.oidc.schemas import ClientIn
from nexus.db import Session
from nexus.errors import InputError
from nexus.ids import new_id


class ClientService:
    def __init__(self, session: Session) -> None:
        self._session = session
        self.repository = ClientRepository(session)

    async def register(self, caller: Principal, said: ClientIn) -> tuple[Client, str | None]:
        """The application and its secret. Raises ForbiddenError if it would be allowed more than the caller, or do more unasked."""
        _within(caller, said.permissions)
        _trusting(caller, said.is_trusted, said.scopes)
        secret = None if said.token_endpoint_auth_method == PUBLIC else tokens.new_secret("nxk")
        made = Client(
            id=new_id("client"),
            organisation_id=caller.organisation,
            secret_hash=tokens.hashed(secret) if secret else None,
            **said.model_dump(),
        )
        self.repository.add(made)
        self._session.record(ClientRegistered(client_id=made.id, name=made.name), expected_version=0)
        await self._session.flush()
        return made, secret

    async def change(self, caller: Principal, id: str, said: ClientIn, seen: Precondition) -> Client:
        """Raises NotFoundError, StaleError, ForbiddenError; InputError if it would begin or cease to have a secret."""
        found = await self.repository.get(id, to_change=True)
        seen.check(found.version)
        _within(caller, said.permissions)
        _trusting(caller, said.is_trusted, said.scopes)
        if (said.token_endpoint_auth_method == PUBLIC) != (found.secret_hash is None):
            raise InputError(
                "an application with a secret stays one, as one without", remedy="register another, and remove this one"
            )
        for name, value in said.model_dump().items():
            setattr(found, name, value)
        self._session.record(ClientChanged(client_id=found.id, name=found.name))
        await self._session.flush()
        return found

    async def rotate(self, caller: Principal, id: str) -> tuple[Client, str]:
        """Another secret; the one before ends at once. Raises NotFoundError; InputError for one that has none; ForbiddenError
        if the application may more than the caller, who would hold its secret."""
        found = await self.repository.get(id, to_change=True)
        if found.secret_hash is None:
            raise InputError("this application keeps no secret", remedy="there is nothing to rotate")
        _within(caller, found.permissions)
        _trusting(caller, found.is_trusted, found.scopes)
        secret = tokens.new_secret("nxk")
        found.secret_hash = tokens.hashed(secret)
        self._session.record(SecretRotated(client_id=found.id))
        await self._session.flush()
        return found, secret

    async def remove(self, id: str, seen: Precondition) -> None:
        """With everything that it was granted: its tokens die. Raises NotFoundError, StaleError."""
        found = await self.repository.get(id, to_change=True)
        seen.check(found.version)
        await self.repository.remove(found)
        self._session.record(ClientRemoved(client_id=id))


def _within(caller: Principal, wanted: Mapping[str, list[str]]) -> None:
    """Nobody gives an application more than they have themselves."""
    everywhere = caller.grants.get(EVERYWHERE, frozenset())
    for place, names in wanted.items():
        held = everywhere | caller.grants.get(place, frozenset())
        if place not in caller.workspaces | {EVERYWHERE}:
            raise ForbiddenError("you may do nothing in that workspace", remedy="name one of yours, or *")
        if EVERYTHING not in held and not set(names) <= held:
            raise ForbiddenError(
                "an application may be allowed no more than whoever registers it",
                remedy="leave out what you may not do",
            )


def _trusting(caller: Principal, is_trusted: bool, wanted: Sequence[str]) -> None:
    """A trusted application acts for whoever opens a link to it, unasked: whoever runs one could do what they themselves may not."""
    lets = [EVERYTHING if s == scopes.NEXUS else s for s in wanted if scopes.of_api([s])]
    if is_trusted and not all(caller.allows(permission) for permission in lets):
        raise ForbiddenError(
            "an application that its users are not asked about may be let do no more than whoever registers it or has its secret",
            remedy="leave out is_trusted, or the scopes that you have not yourself; or ask somebody who has them",
        )


async def _service(session: Transaction) -> ClientService:
    return ClientService(session)


Clients = Annotated[ClientService, Depends(_service)]
