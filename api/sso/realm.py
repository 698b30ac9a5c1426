"""What identity asks of this slice: whose people sign in elsewhere, where, and who takes no password.

Belongs here: those answers (`api/identity/realms.py`). Does not belong here: signing in.
"""

from __future__ import annotations

from api.identity.directory import email_key
from api.identity.realms import Elsewhere
from api.organisations import access
from api.sso import repository
from api.sso.models import Connection
from nexus.db import Session, Tenant


def path(connection: Connection) -> str:
    """Where signing in by the connection begins."""
    return f"/signin/sso/{connection.id}"


async def are_there(session: Session) -> bool:
    return await repository.is_any_enabled(session)


async def way(session: Session, *, email: str = "", organisation: str = "") -> str | None:
    """By the address's domain, or to the organisation's provider. Nobody's account is looked at."""
    domain = email_key(email).rpartition("@")[2]
    found = await repository.serving(session, domain) if domain else None
    if found is None and organisation:
        found = await repository.of_organisation(session, organisation)
    return path(found) if found else None


async def asking(session: Session, email: str) -> Elsewhere | None:
    realm = await access.realm_of(session, email_key(email))
    if realm is None or not realm.is_sso_required:
        return None
    found = await way(session, email=email, organisation=realm.organisation_id)
    return Elsewhere(realm.name, found)


async def refusing(session: Session, user_id: str) -> Elsewhere | None:
    """Of whoever belongs to nobody that takes their password, the first that does not. Break-glass members belong to such.

    A person of several organisations signs in by password for the sake of those that take it; the others do not open then.
    """
    mine = await access.organisations_of(session, user_id)
    asking = [b for b in mine if access.admits(b, frozenset()) == "sso"]
    if not asking or len(asking) < len(mine):
        return None
    found = await repository.of_organisation(session, asking[0].organisation_id)
    return Elsewhere(asking[0].name, path(found) if found else None)


async def owns(session: Session, user_id: str, organisation: str) -> bool:
    mine = await access.organisations_of(session, user_id)
    return [b.organisation_id for b in mine] == [organisation]


async def home(session: Session, user_id: str, realm: str | None) -> Tenant | None:
    """The organisation whose provider has vouched, or the only one that they belong to; of its workspaces the only one in which
    they may do something. None for who belongs to several, or to none."""
    mine = [b.organisation_id for b in await access.organisations_of(session, user_id)]
    here = [o for o in mine if realm in (None, o)]
    if len(here) != 1:
        return None
    member = await access.of(session, here[0], user_id=user_id)
    workspaces = sorted(member.workspaces()) if member else []
    return Tenant(here[0], workspaces[0] if len(workspaces) == 1 else None)
