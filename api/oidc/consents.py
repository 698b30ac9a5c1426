"""What a person lets applications do: seen by themselves, and withdrawn.

Belongs here: those rules. Does not belong here: asking for consent (authorize.py), HTTP (endpoints/consents.py).

Withdrawing ends every grant of the application for that person, with the access and refresh tokens of each: a token counts
only while its grant lives (lives.py), so nothing goes on until it expires.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from api.oidc.events import AccessWithdrawn
from api.oidc.flow.server import revoke
from api.oidc.models import Client, Grant
from api.oidc.repository import consents as rows
from nexus.db import Session, Tenant
from nexus.errors import NotFoundError

WITHDRAWN = "withdrawn"


@dataclass(frozen=True, slots=True)
class Allowed:
    """One application that a person has let in. `last_used_at` is when it was last given a token, empty if it has none that lives."""

    client: Client
    organisations: tuple[str, ...]
    scopes: tuple[str, ...]
    since: datetime
    last_used_at: datetime | None


async def of(session: Session, user_id: str, organisation: str | None = None) -> Sequence[Allowed]:
    """Applications that the user lets do something, by name: everywhere, or in one organisation. `session` sees all."""
    found = [
        Allowed(
            client=client,
            organisations=tuple(sorted({grant.organisation_id for grant, _ in grants}) or [client.organisation_id]),
            scopes=tuple(sorted({*(consent.scopes if consent else ()), *(s for g, _ in grants for s in g.scopes)})),
            since=min([*([consent.created_at] if consent else []), *(grant.created_at for grant, _ in grants)]),
            last_used_at=max((used for _, used in grants), default=None),
        )
        for client, consent, grants in await rows.of_user(session, user_id)
    ]
    return [one for one in found if organisation is None or organisation in one.organisations]


async def withdraw(session: Session, user_id: str, client_id: str, organisation: str | None = None) -> Client:
    """The application may do nothing more in the user's name, and asks before it may again. Raises NotFoundError for one
    that was let in nowhere, or not in the `organisation`."""
    known = next((a for a in await of(session, user_id, organisation) if a.client.id == client_id), None)
    if known is None:
        raise NotFoundError("you have let in no such application")
    await rows.forget(session, user_id, client_id)
    where = [] if organisation is None else [Grant.organisation_id == organisation]
    await revoke(session, WITHDRAWN, Grant.user_id == user_id, Grant.client_id == client_id, *where)
    told = AccessWithdrawn(client_id=client_id, user_id=user_id, scopes=list(known.scopes))
    session.record(told, tenant=Tenant(organisation or known.client.organisation_id))
    return known.client
