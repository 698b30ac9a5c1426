"""Limits of routes over HTTP: whom a rule counts, and what a store that is away means."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any

import pytest

from api.kernel.limits import Whom, limit
from api.kernel.permissions import Permission, requires
from api.kernel.principal import Principal
from api.kernel.routing import Router
from nexus.limits import Limiter, SlidingWindow, TokenBucket
from nexus.limits.stores import InRedis
from nexus.ports import free_port
from tests.api.kernel import Caller, Kernel

Reader = Annotated[Principal, requires(Permission("models.read", "Read", least="viewer"))]


def limited(name: str, *dependencies: Any) -> Router:
    router = Router(prefix=f"/v1/limited/{name}")
    for path in ("/a", "/b"):

        @router.get(path, dependencies=list(dependencies))
        async def asked(caller: Reader) -> str:
            return "yes"

    return router


@pytest.mark.parametrize(
    ("per", "each_route", "expected"),
    [
        # one's second call; that of another person of the organisation, of another organisation, of another route
        (("tenant",), True, [429, 429, 200, 200]),
        (("principal",), True, [429, 200, 200, 200]),
        (("address",), True, [429, 429, 429, 200]),
        (("principal",), False, [429, 200, 200, 429]),
        (("tenant", "principal"), False, [429, 200, 200, 429]),
    ],
)
def test_whom_a_rule_counts(kernel: Kernel, per: tuple[Whom, ...], each_route: bool, expected: list[int]) -> None:
    name = f"{'-'.join(per)}-{each_route}".lower()
    router = limited(name, limit(SlidingWindow(name, 1, 10**8), per=per, each_route=each_route))
    me, stranger = kernel.caller(), kernel.caller()
    other = kernel.caller(organisation=me.principal.organisation)

    def ask(caller: Caller, path: str) -> int:
        return caller.get(f"/v1/limited/{name}/{path}").status_code

    with kernel.offering(router):
        assert ask(me, "a") == 200
        assert [ask(me, "a"), ask(other, "a"), ask(stranger, "a"), ask(me, "b")] == expected


@pytest.fixture
def away(kernel: Kernel) -> Iterator[None]:
    """Limits are counted in a Redis that is not there."""
    before = kernel.app.state.limiter
    kernel.app.state.limiter = Limiter(InRedis(f"redis://127.0.0.1:{free_port()}/0"))
    yield
    kernel.app.state.limiter = before


def test_each_rule_says_what_a_store_that_is_away_means(kernel: Kernel, away: None) -> None:
    lenient = limited("open", limit(TokenBucket("open", 1, 60)))
    strict = limited("closed", limit(TokenBucket("closed", 1, 60, when_unknown="closed")))
    here = kernel.caller()
    with kernel.offering(lenient), kernel.offering(strict):
        assert [here.get("/v1/limited/open/a").status_code for _ in range(3)] == [200] * 3
        refused = here.get("/v1/limited/closed/a")
    assert (refused.status_code, refused.headers["retry-after"]) == (429, "1")
    assert "cannot be checked now" in refused.json()["detail"]
    said = here.get("/metrics").text
    assert 'nexus_rate_limit_decisions_total{decision="allowed",known="false",rule="open"} 3.0' in said
    assert 'nexus_rate_limit_decisions_total{decision="refused",known="false",rule="closed"} 1.0' in said
