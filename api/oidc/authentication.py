"""Access tokens of this provider as credentials: from a JWT to a Principal.

Belongs here: recognising a token, remembering what it said. Does not belong here: checking one (tokens.py), whether its
grant lives (lives.py), what its user may (api/organisations).

Checking a signature costs 150 µs, so what a token said is remembered until it expires. That its grant lives is asked
anew with every request; what its user may do is at most PERMISSIONS_LAST old.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from fastapi import FastAPI, Request

from api.kernel.principal import EVERYWHERE, Principal, UnauthenticatedError
from api.oidc import admission, scopes, tokens
from api.oidc.lives import Lives
from api.oidc.provider import Provider
from api.oidc.repository import grants as rows
from api.organisations import access
from api.organisations.access import Circumstances
from api.organisations.repository.access import AccessRepository
from nexus.db import Database

#: Tokens remembered by one process.
MOST = 10_000
PERMISSIONS_LAST = timedelta(seconds=2)
REMEDY = "ask /oidc/token for a new one, or sign in again"


@dataclass(slots=True)
class _Remembered:
    claims: Mapping[str, Any]
    principal: Principal | None = None
    #: what its user has been given, if some of that has a condition: each request is another circumstance
    conditional: access.Access | None = None
    looked_up: float = 0.0


class AccessTokens:
    """The authenticator. A bearer token that is no JWT is somebody else's."""

    def __init__(self, app: FastAPI) -> None:
        self._app = app
        self._known: OrderedDict[bytes, _Remembered] = OrderedDict()
        self._lives: Lives | None = None

    async def authenticate(self, request: Request) -> Principal | None:
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        token = token.strip()
        if scheme.lower() != "bearer" or token.count(".") != 2:
            return None
        try:
            found = await self._recognised(token)
            if not await self._living.lives(found.claims["grant"]):
                raise tokens.InvalidTokenError("it has been revoked")
            return await self._principal(found, request)
        except tokens.InvalidTokenError as error:
            refused = UnauthenticatedError(f"the access token is not accepted: {error}", remedy=REMEDY)
            refused.headers = {  # type: ignore[attr-defined]
                "WWW-Authenticate": f'Bearer realm="nexus", error="invalid_token", error_description="{error}"'
            }
            raise refused from None

    @property
    def _database(self) -> Database:
        found = self._app.state.database
        assert isinstance(found, Database)
        return found

    @property
    def _living(self) -> Lives:
        if self._lives is None:
            self._lives = Lives(self._database)
        return self._lives

    async def _recognised(self, token: str) -> _Remembered:
        """Raises InvalidTokenError."""
        key = tokens.hashed(token)
        found = self._known.get(key)
        if found is not None and found.claims["exp"] > time.time():
            self._known.move_to_end(key)
            return found
        self._known.pop(key, None)
        provider: Provider = self._app.state.oidc
        await provider.keys.know(tokens.kid(token))
        issuer = await provider.issuer()
        found = self._known[key] = _Remembered(tokens.access(token, issuer, issuer.api))
        if len(self._known) > MOST:
            self._known.popitem(last=False)
        return found

    async def _principal(self, found: _Remembered, request: Request) -> Principal:
        now = time.monotonic()
        if found.principal is None or now - found.looked_up > PERMISSIONS_LAST.total_seconds():
            found.principal, found.conditional = await self._looked_up(found.claims)
            found.looked_up = now
        if found.conditional is None:
            return found.principal
        here = Circumstances(methods=found.principal.methods, address=request.client.host if request.client else None)
        grants = scopes.limited(found.conditional.grants(here), scopes.parse(found.claims["scope"]))
        return replace(found.principal, grants=grants, workspaces=found.conditional.workspaces(here))

    async def _looked_up(self, claims: Mapping[str, Any]) -> tuple[Principal, access.Access | None]:
        """Whose token it is, with what they may whatever the circumstances; and their access, if some of it depends on those."""
        member = None
        granted = frozenset(scopes.parse(claims["scope"]))
        organisation = claims["org"]
        async with self._database.system() as session:
            if claims["sub"] == claims["client_id"]:
                client = await rows.client(session, claims["client_id"])
                if client is None:
                    raise tokens.InvalidTokenError("its application is gone")
                held = {place: frozenset(names) for place, names in client.permissions.items()}
                known = await AccessRepository(session).workspaces(organisation)
                workspaces = known if EVERYWHERE in held else known & held.keys()
            else:
                if why := await admission.objection(session, claims["sub"], organisation, claims.get("amr", ())):
                    raise tokens.InvalidTokenError(why)
                member = await access.of(session, organisation, user_id=claims["sub"])
                held = dict(member.grants()) if member else {}
                workspaces = member.workspaces() if member else frozenset()
        found = Principal(
            kind="service" if claims["sub"] == claims["client_id"] else "user",
            id=claims["sub"],
            organisation=organisation,
            workspaces=workspaces,
            grants=scopes.limited(held, granted),
            authenticated_at=datetime.fromtimestamp(claims["auth_time"], UTC) if "auth_time" in claims else None,
            methods=frozenset(claims.get("amr", ())),
            claims=claims,
            most=scopes.most(granted),
        )
        return found, member if member and any(given.condition for given in member.given) else None


def authenticator(app: FastAPI) -> AccessTokens:
    return AccessTokens(app)
