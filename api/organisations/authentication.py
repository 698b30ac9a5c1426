"""API keys as credentials: `Authorization: Bearer nxk_…`.

Belongs here: from a key to a principal. Does not belong here: making keys (service/keys.py).

A key may what its scopes say, and never more than its holder may at this moment: who loses a role loses it in every key.
Each request reads the key, or has its first statement prove that it stands for what it stood for a moment ago: a revoked
one opens nothing from its revocation on, in every process.
"""

from __future__ import annotations

from functools import lru_cache

from fastapi import FastAPI, Request

from api.kernel import short
from api.kernel.principal import Principal, UnauthenticatedError
from api.kernel.transactions import database
from api.organisations import access, keys, roles
from api.organisations.access import Circumstances
from api.organisations.grants import intersection, normal
from api.organisations.repository.keys import Held, believed, valid


class ApiKeys:
    """Recognises API keys of members (`api_key`) and of service accounts (`service`)."""

    async def authenticate(self, request: Request) -> Principal | None:
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not token.startswith(keys.MARK):
            return None
        held = await _held(request, keys.digest(token)) if keys.is_key(token) else None
        # one answer for all: whether a key ever was one is not said
        if held is None:
            raise UnauthenticatedError("the API key is not valid", remedy="make another: POST /v1/api-keys")
        if any(given.condition is not None for given in held.given):
            address = request.client.host if request.client else None
            return _principal(held, Circumstances(address=address, kind="api_key", methods=frozenset({"key"})))
        return _unconditional(held)


async def _held(request: Request, digest: bytes) -> Held | None:
    if short.is_possible(request) and (known := believed(digest)):
        held, proof = known
        short.owe(request, proof)
        return held
    return await valid(database(request), digest)


@lru_cache(maxsize=2000)
def _unconditional(held: Held) -> Principal:
    return _principal(held, None)


def _principal(held: Held, circumstances: Circumstances | None) -> Principal:
    has = access.Access(held.subject, held.organisation, held.workspaces, held.given)
    grants = intersection(normal(held.scopes), has.grants(circumstances))
    of_member = held.subject.kind == "member"
    return Principal(
        kind="api_key" if of_member else "service",
        id=held.id if of_member else held.subject.id,
        organisation=held.organisation,
        workspaces=roles.workspaces(grants, held.workspaces),
        grants=grants,
        claims={"api_key_id": held.id, "user_id": held.subject.user_id},
    )


def authenticator(_: FastAPI) -> ApiKeys:
    return ApiKeys()
