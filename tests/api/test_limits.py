"""Limits of routes over HTTP: whom a rule counts, and what a store that is away means."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any

import httpx
import pytest
from fastapi import Request
from pydantic import BaseModel

from api.kernel.idempotency import IdempotencyKey
from api.kernel.limits import Limit, Whom, limit
from api.kernel.permissions import Permission, requires
from api.kernel.principal import Principal
from api.kernel.routing import Router
from api.kernel.transactions import Transaction
from api.serving import forwarding
from nexus.errors import ConflictError, InputError
from nexus.limits import Limiter, SlidingWindow, TokenBucket
from nexus.limits.stores import InRedis
from nexus.ports import free_port
from nexus.settings import Settings
from tests.api.kernel import PROXY, Caller, Kernel

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


def test_an_address_is_not_what_a_caller_says(kernel: Kernel) -> None:
    """X-Forwarded-For is believed from the proxies that the operator has named, and from nobody else."""
    router = limited("said", limit(SlidingWindow("said", 1, 10**8), per=("address",)))
    me = kernel.caller()

    def ask(client: httpx.Client, said: str) -> int:
        return client.get("/v1/limited/said/a", headers={"X-Forwarded-For": said}).status_code

    with kernel.offering(router), _from(PROXY, me) as proxy:
        assert [ask(me, said) for said in ("127.0.0.7", "127.0.0.8", "::1")] == [200, 429, 429]
        assert [ask(proxy, said) for said in ("127.0.0.7", "127.0.0.8", "::1", "127.0.0.8")] == [200, 200, 200, 429]
        # what a caller has put before the proxy's own word
        assert ask(proxy, "127.0.0.9, 127.0.0.8") == 429
        # whoever comes through a proxy from elsewhere comes from elsewhere
        assert ask(proxy, "203.0.113.7") == 403


def _from(address: str, caller: Caller) -> httpx.Client:
    """A client with the same credential at another address of this machine."""
    transport = httpx.HTTPTransport(local_address=address)
    return httpx.Client(base_url=caller.base_url, headers=caller.headers, transport=transport, timeout=20)


def test_a_network_of_ipv6_is_one_address() -> None:
    counted = Limit(SlidingWindow("w", 1, 60), ("address",), each_route=False)

    def key(address: str) -> str:
        return counted._key(Request({"type": "http", "client": (address, 1)}), None)

    assert key("2001:db8::1") == key("2001:db8::ffff:1") != key("2001:db8:0:1::1")
    assert key("::ffff:192.0.2.1") == key("192.0.2.1") != key("192.0.2.2")


@pytest.mark.parametrize("wrong", ["*", "proxy.example", "10.1.0.1/16"])
def test_proxies_are_networks(wrong: str) -> None:
    with pytest.raises(InputError, match="NEXUS_PROXIES"):
        forwarding(Settings(proxies=f"127.0.0.1, {wrong}"))
    assert forwarding(Settings())["proxy_headers"] is False


class Said(BaseModel):
    then: str = ""


def test_every_answer_to_what_was_counted_says_what_is_left(kernel: Kernel) -> None:
    """Refusals, mistakes and replays as well, once each."""
    router = Router(prefix="/v1/limited/told")

    @router.post("", status_code=201, dependencies=[limit(SlidingWindow("told", 6, 10**8))])
    async def told(said: Said, caller: Reader, key: IdempotencyKey, session: Transaction) -> str:
        if said.then == "refuse":
            raise ConflictError("no")
        if said.then == "break":
            raise RuntimeError("broken")
        return "yes"

    here, key = kernel.caller(), {"Idempotency-Key": "k"}
    with kernel.offering(router):
        answers = [
            here.post("/v1/limited/told", json={"then": "refuse"}),
            here.post("/v1/limited/told", json={"then": "break"}),
            here.post("/v1/limited/told", json={"then": 1}),
            here.post("/v1/limited/told", json={}, headers=key),
            here.post("/v1/limited/told", json={}, headers=key),
            here.post("/v1/limited/told", json={"then": "else"}, headers=key),
            here.post("/v1/limited/told", json={}),
        ]
    assert [a.status_code for a in answers] == [409, 500, 422, 201, 201, 422, 429]
    assert answers[4].headers["idempotent-replay"] == "true"
    said = [a.headers.get_list("ratelimit") for a in answers]
    assert [[one.split(";")[:2] for one in each] for each in said] == [
        [['"told"', f"r={left}"]] for left in (5, 4, 3, 2, 1, 0, 0)
    ]
    assert all(len(a.headers.get_list("ratelimit-policy")) == 1 for a in answers)


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
