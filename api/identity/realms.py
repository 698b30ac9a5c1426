"""Signing in elsewhere: what slices know of it, as `api/<domain>/realm.py`.

Belongs here: asking them. Does not belong here: any provider. A module has

- `are_there(session) -> bool`: whether somebody's people sign in elsewhere at all;
- `way(session, email=…, organisation=…) -> str | None`: the path that leads there;
- `asking(session, email) -> Elsewhere | None`: who answers for the address's domain and lets no password in;
- `refusing(session, user_id) -> Elsewhere | None`: who lets this user sign in by their own provider alone;
- `owns(session, user_id, organisation) -> bool`: whether the account is nobody else's;
- `home(session, user_id, realm) -> Tenant | None`: where somebody signs in to, if that is one place.
"""

from __future__ import annotations

from dataclasses import dataclass

from nexus import slices
from nexus.db import Session, Tenant
from nexus.errors import NexusError, Permanent


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """Who asks that one signs in by its provider, and the path that leads there; empty if none is set up."""

    organisation: str
    path: str | None


class SignInElsewhereError(NexusError, Permanent):
    """The proof may be right, but opens nothing here. Pages answer it with the way to the provider."""

    exit_code, status, code = 2, 403, "sso_required"

    def __init__(self, elsewhere: Elsewhere, user_id: str, methods: frozenset[str]) -> None:
        super().__init__("the organisation asks for its own sign-in", remedy="sign in by its provider")
        self.elsewhere, self.user_id, self.methods = elsewhere, user_id, methods


async def are_there(session: Session) -> bool:
    for module in slices.modules("realm").values():
        if await module.are_there(session):
            return True
    return False


async def way(session: Session, *, email: str = "", organisation: str = "") -> str | None:
    for module in slices.modules("realm").values():
        path: str | None = await module.way(session, email=email, organisation=organisation)
        if path:
            return path
    return None


async def asking(session: Session, email: str) -> Elsewhere | None:
    for module in slices.modules("realm").values():
        found: Elsewhere | None = await module.asking(session, email)
        if found:
            return found
    return None


async def refusing(session: Session, user_id: str) -> Elsewhere | None:
    for module in slices.modules("realm").values():
        found: Elsewhere | None = await module.refusing(session, user_id)
        if found:
            return found
    return None


async def owns(session: Session, user_id: str, organisation: str) -> bool:
    for module in slices.modules("realm").values():
        if await module.owns(session, user_id, organisation):
            return True
    return False


async def home(session: Session, user_id: str, realm: str | None) -> Tenant | None:
    for module in slices.modules("realm").values():
        found: Tenant | None = await module.home(session, user_id, realm)
        if found:
            return found
    return None
