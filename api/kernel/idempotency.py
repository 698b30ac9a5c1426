"""`Idempotency-Key`: an unsafe POST that is sent again gives the answer that it gave, and does nothing a second time.

Belongs here: claiming a key, keeping and replaying answers. Does not belong here: the endpoint's effect.

The answer is kept in the transaction of the effect: either both are there or neither. While that transaction is open a
lock says so; it falls with the connection, so a crash leaves no key "in flight". An error keeps nothing, since it did
nothing: the same key may then succeed. Scope: tenant, route, and whoever asks: an answer may hold what was for them alone.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated, Any, ClassVar

import orjson
from fastapi import Depends, Header, Request, Response

from api.kernel.transactions import DirectTransaction, Transaction
from nexus.db import Session
from nexus.db.direct import Direct
from nexus.errors import ConflictError, InputError

#: How long an answer is kept.
KEPT = timedelta(hours=24)
LONGEST = 255
_HEADERS = ("content-type", "location", "etag", "retry-after")


class KeyLengthError(InputError):
    status, code = 400, "idempotency_key_too_long"


class KeyReusedError(InputError):
    status, code = 422, "idempotency_key_reused"


class KeyBusyError(ConflictError):
    code = "idempotency_key_in_flight"
    headers: ClassVar = {"Retry-After": "1"}


class Replayed(Exception):
    """Carries a kept answer past the endpoint. Not an error: the route answers with it."""

    def __init__(self, response: Response) -> None:
        super().__init__()
        self.response = response


@dataclass(frozen=True, slots=True)
class Claim:
    """A key that this request holds until its transaction ends."""

    session: Session | Direct
    scope: dict[str, str]
    fingerprint: str


_Key = Annotated[
    str | None,
    Header(alias="Idempotency-Key", description="at most 255 characters; the same key gives the same answer"),
]


async def claim(request: Request, session: Transaction, key: _Key = None) -> str | None:
    return await _claimed(request, session, key)


async def claim_direct(request: Request, session: DirectTransaction, key: _Key = None) -> str | None:
    return await _claimed(request, session, key)


async def _claimed(request: Request, session: Session | Direct, key: str | None) -> str | None:
    """Raises Replayed with the kept answer; KeyBusyError, KeyReusedError, KeyLengthError as the key deserves."""
    if key is None:
        return None
    if not 0 < len(key) <= LONGEST:
        raise KeyLengthError(
            f"Idempotency-Key has {len(key)} characters", remedy=f"use 1 to {LONGEST}, a UUID for example"
        )
    tenant = session.tenant
    if tenant is None:
        raise RuntimeError("a route with an Idempotency-Key needs a tenant: declare a permission before it")
    scope = {
        "org": tenant.organisation,
        "workspace": tenant.workspace or "",
        "route": f"{request.method} {request.scope['route'].path}",
        "key": f"{request.state.principal.subject}/{key}",
    }
    fingerprint = await _fingerprint(request)
    found = await session.claim({**scope, "kept": KEPT})
    is_free, known, status, headers, body = found
    if not is_free:
        raise KeyBusyError("a request with this Idempotency-Key is being answered", remedy="send it again in a moment")
    if known is not None:
        if known != fingerprint:
            raise KeyReusedError("this Idempotency-Key came with another request before", remedy="use a new key for it")
        raise Replayed(Response(bytes(body), status, headers={**orjson.loads(headers), "Idempotent-Replay": "true"}))
    request.state.claim = Claim(session, scope, fingerprint)
    return key


#: Declares that a POST takes an Idempotency-Key; after the alias that checks the permission. Needs `routing.Router`.
IdempotencyKey = Annotated[str | None, Depends(claim, scope="function")]
#: The same for an endpoint with a DirectTransaction.
DirectKey = Annotated[str | None, Depends(claim_direct, scope="function")]


class Unkeyed:
    """Dependency of a POST that takes no key, and why that is right."""

    def __init__(self, because: str) -> None:
        self.because = because

    async def __call__(self) -> None:
        return None


def unkeyed(because: str) -> Any:
    """`dependencies=[unkeyed("it changes nothing")]` of a POST."""
    return Depends(Unkeyed(because))


async def keep(request: Request, response: Response) -> None:
    """Writes the answer with the effect, before the commit. Refusals are kept by nobody: they did nothing."""
    held: Claim | None = getattr(request.state, "claim", None)
    if held is None:
        return
    if response.status_code >= 400:
        raise RuntimeError(
            "an endpoint with an Idempotency-Key refuses by raising, so that its transaction is rolled back"
        )
    headers = {name: response.headers[name] for name in _HEADERS if name in response.headers}
    values = {
        **held.scope,
        "fingerprint": held.fingerprint,
        "status": response.status_code,
        "headers": orjson.dumps(headers).decode(),
        "body": bytes(response.body),
    }
    held.session.keep(values)


async def _fingerprint(request: Request) -> str:
    digest = hashlib.sha256()
    said = request.scope["query_string"], request.headers.get("content-type", "").encode()
    for part in (request.scope["path"].encode(), *said):
        digest.update(part + b"\0")
    digest.update(await request.body())
    return digest.hexdigest()
