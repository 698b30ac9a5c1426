"""The pull itself, over a provider that misbehaves on purpose: nothing skipped, nothing twice, errors in words."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest

from nexus.connections import Connection
from nexus.errors import ConflictError, ContractError, InputError, NexusError, ProviderError
from nexus.settings import Settings
from orchestration.live import pull as pulling
from orchestration.live.landed import landed
from orchestration.live.pull import pull
from tests.orchestration.live.conftest import Connect
from warehouse import ledger, pulls

PAGES = 9
PER_PAGE = 3


class Provider(httpx.BaseTransport):
    """Customers (or products) in pages of three. `trouble` may answer instead, or change the answer, by number of the request."""

    def __init__(self) -> None:
        self.customers = [
            {"id": f"cus_{n:03}", "object": "customer", "created": 1_700_000_000 - n, "email": f"c{n}@shop.example"}
            for n in range(PAGES * PER_PAGE)
        ]
        self.trouble: Callable[[int, httpx.Request, dict[str, Any]], httpx.Response | None] = lambda *_: None
        self.requests: list[str] = []

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        after = request.url.params.get("starting_after")
        self.requests.append(after or "")
        ids = [c["id"] for c in self.customers]
        start = ids.index(after) + 1 if after else 0
        data = self.customers[start : start + PER_PAGE]
        if request.url.path == "/v1/products":
            data = [{**thing, "object": "product"} for thing in data]
        body = {"object": "list", "data": data, "has_more": start + PER_PAGE < len(ids)}
        made = self.trouble(len(self.requests), request, body)
        return made or httpx.Response(200, json=body, request=request)


@pytest.fixture
def provider() -> Provider:
    return Provider()


@pytest.fixture
def connection(connect: Connect, monkeypatch: pytest.MonkeyPatch) -> Connection:
    monkeypatch.setattr("time.sleep", lambda _: None)  # providers that ask to wait are believed, not waited for
    return connect("stripe", secrets={"api_key": "sk_test_1"}, streams=["customer"])


def _ids(settings: Settings, connection: Connection) -> list[str]:
    with landed(settings, connection) as ask:
        return [row[0] for row in ask("select id from raw_stripe__customer order by 1")]


def _all(provider: Provider) -> list[str]:
    return [c["id"] for c in provider.customers]


def _state(settings: Settings) -> pulls.StreamState:
    with ledger.connect(settings) as book:
        (state,) = pulls.states(book)
    return state


def test_failing_at_page_seven_keeps_six_and_goes_on(
    settings: Settings, connection: Connection, provider: Provider
) -> None:
    provider.trouble = lambda n, r, _: httpx.Response(503, request=r) if n >= 7 else None
    report = pull(connection, settings, transport=provider)
    with pytest.raises(ProviderError, match="acme/stripe/customer: Stripe answered 503 to GET /v1/customers"):
        report.raise_failed()
    assert _ids(settings, connection) == _all(provider)[: 6 * PER_PAGE]
    assert _state(settings).status == "failed"
    asked = len(provider.requests)
    assert asked == 6 + 7  # six good ones, then one and six more tries
    provider.trouble = lambda *_: None
    pull(connection, settings, transport=provider).raise_failed()
    assert _ids(settings, connection) == _all(provider)
    assert len(provider.requests) - asked == 3  # pages that had landed are not asked for again
    state = _state(settings)
    assert state.status == "done"
    assert state.caught_up_at is not None


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
def test_what_passes_is_asked_again(
    settings: Settings, connection: Connection, provider: Provider, status: int
) -> None:
    again = {"retry-after": "1"} if status == 429 else {}
    provider.trouble = lambda n, r, _: httpx.Response(status, request=r, headers=again) if n % 2 else None
    pull(connection, settings, transport=provider).raise_failed()
    assert _ids(settings, connection) == _all(provider)


@pytest.mark.parametrize("status", [400, 401, 403, 404])
def test_what_does_not_pass_is_asked_once(
    settings: Settings, connection: Connection, provider: Provider, status: int
) -> None:
    error = {"error": {"message": "Invalid API Key provided"}}
    provider.trouble = lambda _, r, __: httpx.Response(status, json=error, request=r)
    report = pull(connection, settings, transport=provider)
    with pytest.raises(InputError, match="Invalid API Key provided") as caught:
        report.raise_failed()
    assert "api_key" in (caught.value.remedy or "")
    assert "sk_test_1" not in str(caught.value)
    assert len(provider.requests) == 1


def test_half_a_body_is_no_answer(settings: Settings, connection: Connection, provider: Provider) -> None:
    def half(n: int, request: httpx.Request, body: dict[str, Any]) -> httpx.Response | None:
        if n % 2 == 0:
            return None
        text = json.dumps(body)
        return httpx.Response(
            200, content=text[: len(text) // 2], headers={"content-type": "application/json"}, request=request
        )

    provider.trouble = half
    pull(connection, settings, transport=provider).raise_failed()
    assert _ids(settings, connection) == _all(provider)


@pytest.fixture
def two(connect: Connect, connection: Connection) -> Connection:
    return connect("stripe", secrets={"api_key": "sk_test_1"}, streams=["customer", "product"])


def test_an_answer_that_is_no_json_keeps_what_came_and_the_other_streams(
    settings: Settings, two: Connection, provider: Provider
) -> None:
    page = "<html>maintenance</html>"
    provider.trouble = lambda n, r, _: (
        httpx.Response(200, html=page, request=r) if n > 1 and r.url.path == "/v1/customers" else None
    )
    report = pull(two, settings, transport=provider)
    with pytest.raises(ProviderError, match=r"customer: Stripe gave .* \(200, text/html; charset=utf-8\)\n") as caught:
        report.raise_failed()
    assert "maintenance" not in str(caught.value)
    assert _ids(settings, two) == _all(provider)[:PER_PAGE]
    assert [(s.stream, s.pages > 1) for s in report.streams if not s.error] == [("product", True)]


def test_what_nobody_has_foreseen_is_told_and_keeps_what_came_and_the_other_streams(
    settings: Settings, two: Connection, provider: Provider, caplog: pytest.LogCaptureFixture
) -> None:
    def trouble(n: int, request: httpx.Request, body: dict[str, Any]) -> None:
        if n == 2 and request.url.path == "/v1/customers":
            raise ArithmeticError("nobody has foreseen this")

    provider.trouble = trouble
    report = pull(two, settings, transport=provider)
    with pytest.raises(NexusError, match=r"acme/stripe/customer: ArithmeticError: nobody has") as caught:
        report.raise_failed()
    assert caught.value.remedy == "report this as a defect; what came before it has landed"
    assert any(record.exc_info for record in caplog.records)
    assert _ids(settings, two) == _all(provider)[:PER_PAGE]
    assert [(s.stream, s.pages > 1) for s in report.streams if not s.error] == [("product", True)]
    with ledger.connect(settings) as book:
        assert {s.stream: s.status for s in pulls.states(book)} == {"customer": "failed", "product": "done"}


def test_a_body_that_breaks_off_is_asked_again(settings: Settings, connection: Connection, provider: Provider) -> None:
    class Broken(httpx.SyncByteStream):
        def __iter__(self) -> Iterator[bytes]:
            yield b'{"object": "li'
            raise httpx.RemoteProtocolError("peer closed connection")

    provider.trouble = lambda n, r, _: httpx.Response(200, stream=Broken(), request=r) if n == 3 else None
    pull(connection, settings, transport=provider).raise_failed()
    assert _ids(settings, connection) == _all(provider)


def test_a_provider_that_asks_for_an_hour_is_left_alone(
    settings: Settings, connection: Connection, provider: Provider
) -> None:
    provider.trouble = lambda n, r, _: (
        httpx.Response(429, headers={"retry-after": "3600"}, request=r) if n == 2 else None
    )
    report = pull(connection, settings, transport=provider)
    with pytest.raises(ProviderError, match="asks to wait 3600 s"):
        report.raise_failed()
    assert len(provider.requests) == 2
    assert len(_ids(settings, connection)) == PER_PAGE


def test_a_type_that_changes_half_way_lands_nothing_of_its_batch(
    settings: Settings, connection: Connection, provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    provider.customers = [
        {"id": f"cus_{n:03}", "object": "customer", "created": 1_700_000_000 - n, "email": "c@shop.example"}
        for n in range(90)
    ]
    monkeypatch.setattr(pulling, "SPOOL_RECORDS", 30)

    def changed(_: int, __: httpx.Request, body: dict[str, Any]) -> None:
        for thing in body["data"]:
            if int(thing["id"][-3:]) >= 60:
                thing["created"] = "last Tuesday"

    provider.trouble = changed
    report = pull(connection, settings, transport=provider)
    with pytest.raises(ContractError, match="created_at"):
        report.raise_failed()
    assert len(_ids(settings, connection)) == 60
    provider.trouble = lambda *_: None
    for thing in provider.customers:
        thing["created"] = 1_700_000_000
    pull(connection, settings, transport=provider).raise_failed()
    assert len(_ids(settings, connection)) == 90


@pytest.mark.parametrize("moment", ["page", "read", "staged", "written", "renamed", "committed", "landed"])
def test_killed_anywhere_nothing_is_skipped(
    settings: Settings, connection: Connection, provider: Provider, moment: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pulling, "SPOOL_RECORDS", 6)
    pid = os.fork()
    if pid == 0:  # the child dies as kill -9 would have it: nothing is tidied up
        reached = 0

        def die(name: str) -> None:
            nonlocal reached
            reached += name == moment
            if reached == 2:
                os._exit(9)

        pull(connection, settings, transport=provider, checkpoint=die)
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 9
    pull(connection, settings, transport=provider).raise_failed()
    assert _ids(settings, connection) == _all(provider)
    with ledger.connect(settings) as book:
        rows = ledger.parts(book, settings, "stripe", "customer", "acme")
    assert sum(part.rows for part in rows) == len(provider.customers)
    assert not list((settings.run_dir / "pull").rglob("*.jsonl"))


def test_one_pull_of_a_connection_at_a_time(settings: Settings, connection: Connection, provider: Provider) -> None:
    with (
        ledger.connect(settings) as book,
        ledger.locked(book, "nexus.pull.acme.stripe"),
        pytest.raises(ConflictError, match="another pull"),
    ):
        pull(connection, settings, transport=provider)


def test_a_change_back_to_what_landed_before_is_a_change(
    settings: Settings, connection: Connection, provider: Provider
) -> None:
    provider.customers = provider.customers[:1]
    for email in ("a@shop.example", "b@shop.example", "a@shop.example"):
        provider.customers[0]["email"] = email
        with ledger.connect(settings) as book:
            pulls.forget(book, "acme", "stripe")
        pull(connection, settings, transport=provider).raise_failed()
    with landed(settings, connection) as ask:
        assert ask("select email from raw_stripe__customer") == [("a@shop.example",)]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"api_key": "sk_live_abc"}, "api_key: a secret must not stand here itself"),
        ({"api_key": "env:NOBODY_SET_THIS"}, "environment variable NOBODY_SET_THIS is not set"),
        ({"api_key": "file:/nowhere/key"}, "/nowhere/key cannot be read"),
        ({}, "api_key: Field required"),
        ({"api_key": "env:HOME", "colour": "red"}, "colour: Extra inputs are not permitted"),
    ],
)
def test_a_wrong_connection_is_told_before_anything_is_asked(
    settings: Settings, connect: Connect, provider: Provider, options: dict[str, Any], message: str
) -> None:
    with pytest.raises(InputError) as caught:
        pull(connect("stripe", **options), settings, transport=provider)
    assert message in str(caught.value)
    assert "sk_live_abc" not in str(caught.value)
    assert not provider.requests


def test_an_unknown_stream_is_told(settings: Settings, connection: Connection, provider: Provider) -> None:
    with pytest.raises(NexusError, match="no stream 'invoces'"):
        pull(connection, settings, streams=("invoces",), transport=provider)


def test_pages_see_what_was_pulled_and_no_option(
    settings: Settings, connection: Connection, provider: Provider, connect: Connect
) -> None:
    from warehouse import marts

    connect("billing-us", source="stripe", api_key="env:ELSEWHERE")
    provider.trouble = lambda n, r, _: httpx.Response(403, request=r) if n == 3 else None
    pull(connection, settings, transport=provider)
    rows = marts.connections(settings, "acme")
    assert rows.select("connection", "stream", "status", "landed").rows() == [
        ("billing-us", None, "never pulled", None), ("stripe", "customer", "failed", 2 * PER_PAGE),
    ]  # fmt: skip
    assert "403" in rows["error"][1]
    assert "ELSEWHERE" not in str(rows.to_dicts())
    assert marts.connections(settings, "nobody").is_empty()
