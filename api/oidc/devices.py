"""Devices that wait for somebody: finding one by what it shows, and letting it in as who is signed in.

Belongs here: rules. Does not belong here: what the device is told (flow/grants.py), pages.
"""

from __future__ import annotations

from dataclasses import dataclass

from api.identity.repository import throttles
from api.identity.sessions import BrowserSession
from api.identity.signin import ThrottledError
from api.identity.throttle import for_user_code
from api.oidc import authorize
from api.oidc.flow.parties import Party
from api.oidc.flow.server import Server
from api.oidc.models import DeviceCode
from api.oidc.repository import grants as rows
from api.organisations import access
from api.organisations.access import Belonging


@dataclass(frozen=True, slots=True)
class Waiting:
    """A device, its application, and the organisation in which it would act."""

    row: DeviceCode
    client: Party
    organisation: Belonging

    @property
    def user_code(self) -> str:
        return self.row.user_code

    @property
    def scopes(self) -> list[str]:
        return self.row.scopes


async def waiting(server: Server, here: BrowserSession, typed: str) -> Waiting | None:
    """The device that shows `typed`, however it was typed; None if there is none that this user could let in."""
    letters = "".join(c for c in typed.upper() if c.isalpha())
    row = await rows.device_awaiting(server.session, f"{letters[:4]}-{letters[4:]}") if len(letters) == 8 else None
    client = await rows.client(server.session, row.client_id) if row else None
    if row is None or client is None:
        return None
    mine = await access.organisations_of(server.session, here.user_id)
    where = next((b for b in mine if b.organisation_id == client.organisation_id), None)
    if where is None or access.admits(where, here.methods, here.realm) != "yes":
        return None
    return Waiting(row, Party(client), where)


async def typed(server: Server, here: BrowserSession, code: str) -> Waiting | None:
    """What somebody's typing leads to, or a link that was sent to them. Raises ThrottledError for who tries one after another."""
    places = for_user_code(here.user_id)
    if full := await throttles.take(server.session, places):
        raise ThrottledError(full.wait)
    found = await waiting(server, here, code)
    if found is not None:
        await throttles.give_back(server.session, places)
    return found


async def decide(server: Server, here: BrowserSession, user_code: str, allowed: bool) -> bool:
    """Lets the device in, or not; False if it waits no more."""
    found = await waiting(server, here, user_code)
    if found is None:
        return False
    if allowed:
        grant = authorize.granted(found.client, here, found.organisation.organisation_id, found.scopes)
        server.session.add(grant)
        await server.session.flush()
        server.told(grant)
        found.row.grant_id = grant.id
    found.row.decision = "allowed" if allowed else "denied"
    return True
