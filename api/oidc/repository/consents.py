"""Rows of what one person lets applications do."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import func, or_, select

from api.oidc.models import Client, Consent, Grant, RefreshToken
from api.oidc.repository.grants import alive
from nexus.db import Session


async def of_user(
    session: Session, user_id: str
) -> list[tuple[Client, Consent | None, Sequence[tuple[Grant, datetime]]]]:
    """Applications that the user has agreed to or that hold a living grant of theirs, by name; with each such grant, when
    it last got a token."""
    used = (
        select(func.max(RefreshToken.created_at)).where(RefreshToken.grant_id == Grant.id).correlate(Grant)
    ).scalar_subquery()
    living = select(Grant, func.coalesce(used, Grant.created_at)).where(Grant.user_id == user_id, alive())
    grants: dict[str, list[tuple[Grant, datetime]]] = {}
    for grant, at in (await session.execute(living)).tuples():
        grants.setdefault(grant.client_id, []).append((grant, at))
    agreed = (
        select(Client, Consent)
        .outerjoin(Consent, (Consent.client_id == Client.id) & (Consent.user_id == user_id))
        .where(or_(Consent.user_id.is_not(None), Client.id.in_(grants)))
        .order_by(Client.name, Client.id)
    )
    found = (await session.execute(agreed)).tuples()
    return [(client, consent, grants.get(client.id, [])) for client, consent in found]


async def forget(session: Session, user_id: str, client_id: str) -> None:
    """The user has agreed to nothing of this application's."""
    if found := await session.get(Consent, (user_id, client_id), with_for_update=True):
        await session.delete(found)
        await session.flush()
