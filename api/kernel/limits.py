"""Limits of routes: `429` with `Retry-After`, and `RateLimit` headers on every answer to a request that was counted.

Belongs here: what is counted for whom, the headers. Does not belong here: counting (nexus/limits).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal

from fastapi import Depends, Request
from starlette.types import ASGIApp, Receive, Scope, Send

from api.kernel import short
from api.kernel.principal import Principal, Recognised
from api.kernel.starting import add, starting
from nexus.errors import NexusError, Transient
from nexus.limits import Decision, Limiter, Rule, network
from nexus.telemetry import metrics

#: Whom a rule counts: the organisation, the user or key, the address (a /64 of IPv6).
Whom = Literal["tenant", "principal", "address"]


class TooManyError(NexusError, Transient):
    exit_code, status, code = 8, 429, "too_many_requests"

    def __init__(self, message: str, *, remedy: str, headers: dict[str, str]) -> None:
        super().__init__(message, remedy=remedy)
        self.headers = headers


class Limit:
    """The check of one rule; `limit` makes a dependency of it."""

    def __init__(self, rule: Rule, per: Sequence[Whom], each_route: bool) -> None:
        self.rule, self.per, self.each_route = rule, per, each_route

    async def of_caller(self, request: Request, principal: Recognised) -> None:
        await self._take(request, principal)

    async def of_address(self, request: Request) -> None:
        await self._take(request, None)

    async def _take(self, request: Request, principal: Principal | None) -> None:
        limiter: Limiter = request.app.state.limiter
        taken = short.taken(request.scope)
        if self not in taken:
            taken[self] = await limiter.take(self.rule, self._key(request, principal))
        decision, known = taken[self]
        verdict = "allowed" if decision.allowed else "refused"
        metrics.LIMITED.labels(self.rule.name, verdict, str(known).lower()).inc()
        if not decision.allowed:
            seconds = max(1, math.ceil(decision.retry_after))
            why = "is used up" if known else "cannot be checked now"
            raise TooManyError(
                f"the limit {self.rule.name!r} {why}",
                remedy=f"wait {seconds} s",
                headers={"Retry-After": str(seconds)},
            )

    def _key(self, request: Request, principal: Principal | None) -> str:
        known = {
            "address": network(request.client.host) if request.client else "unknown",
            "tenant": principal.organisation if principal else "",
            "principal": principal.id if principal else "",
        }
        parts = [known[who] for who in self.per]
        if self.each_route:
            parts.append(f"{request.method} {request.scope['route'].path}")
        return "/".join(parts)


def limit(rule: Rule, *, per: Sequence[Whom] = ("principal",), each_route: bool = True) -> Any:
    """`dependencies=[limit(TokenBucket("invoices", 100, 60))]` of a route or router; a public route counts addresses."""
    made = Limit(rule, per, each_route)
    return Depends(made.of_address if set(per) == {"address"} else made.of_caller)


class Told:
    """Pure ASGI around everything that answers: what limits have decided is in the headers of replays and errors too."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        taken = short.taken(scope)
        await self._app(scope, receive, starting(send, lambda message: add(message, _headers(taken))))


def _headers(taken: Mapping[Limit, tuple[Decision, bool]]) -> Iterator[tuple[bytes, bytes]]:
    for limit, (decision, known) in taken.items():
        if known:
            yield b"ratelimit-policy", limit.rule.policy.encode()
            said = f'"{limit.rule.name}";r={decision.remaining};t={math.ceil(decision.reset)}'
            yield b"ratelimit", said.encode()
