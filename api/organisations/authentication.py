"""API keys as credentials: `Authorization: Bearer nxk_…`.

Belongs here: from a key to a principal. Does not belong here: making keys (service/keys.py).

A key may what its scopes say, and never more than its holder may at this moment: who loses a role loses it in every key.
Each request reads the key, so a revoked one opens nothing from its revocation on, in every process.
"""

from __future__ import annotations

from fastapi import FastAPI, Request

from api.identity import directory
from api.kernel.principal import Principal, UnauthenticatedError
from api.kernel.transactions import database
from api.organisations import access, keys, roles
from api.organisations.access import Circumstances
from api.organisations.grants import intersection, normal
from api.organisations.models import ApiKey
from api.organisations.repository.access import Subject
from api.organisations.repository.keys import KeyRepository
from nexus.db import Session


class ApiKeys:
    """Recognises API keys of members (`api_key`) and of service accounts (`service`)."""

    async def authenticate(self, request: Request) -> Principal | None:
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not token.startswith(keys.MARK):
            return None
        circumstances = Circumstances(
            address=request.client.host if request.client else None, kind="api_key", methods=frozenset({"key"})
        )
        async with database(request).system() as session:
            repository = KeyRepository(session)
            found = await repository.valid(keys.digest(token)) if keys.is_key(token) else None
            # one answer for all: whether a key ever was one is not said
            if found is None or not found[1].is_active or not await _is_here(session, found[1]):
                raise UnauthenticatedError("the API key is not valid", remedy="make another: POST /v1/api-keys")
            key, subject, is_stale = found
            held = await access.given_to(session, key.organisation_id, subject)
            if is_stale:
                await repository.note_use(key)
        return _principal(key, held, circumstances)


async def _is_here(session: Session, subject: Subject) -> bool:
    """A member's key opens nothing from the moment on at which the person is deactivated, in every organisation."""
    if subject.user_id is None:
        return True
    person = await directory.user(session, subject.user_id)
    return person is not None and person.active


def _principal(key: ApiKey, held: access.Access, circumstances: Circumstances) -> Principal:
    grants = intersection(normal(key.scopes), held.grants(circumstances))
    of_member = held.subject.kind == "member"
    return Principal(
        kind="api_key" if of_member else "service",
        id=key.id if of_member else held.subject.id,
        organisation=key.organisation_id,
        workspaces=roles.workspaces(grants, held.known_workspaces),
        grants=grants,
        claims={"api_key_id": key.id, "user_id": held.subject.user_id},
    )


def authenticator(_: FastAPI) -> ApiKeys:
    return ApiKeys()
