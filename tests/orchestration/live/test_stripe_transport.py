"""Stripe live at the transport: what localstripe does not have (prices, disputes), lines beyond the first ten, the balance.

Objects are Stripe's own fixtures, one of every resource.
"""

from __future__ import annotations

import json
import time
from email.utils import formatdate
from pathlib import Path
from typing import Any

import httpx
import pytest

from nexus.connections import Connection
from nexus.settings import Settings
from orchestration.live.connections import opened
from orchestration.live.landed import landed
from orchestration.live.pull import pull
from orchestration.sources.stripe.live import OBJECTS
from tests.orchestration.live.conftest import Connect


class Account(httpx.BaseTransport):
    """Lists of `things` by path; newest first, as Stripe sorts them; pages of `limit`."""

    def __init__(self, things: dict[str, list[dict[str, Any]]], **answers: dict[str, Any]) -> None:
        self.things, self.answers = things, answers
        self.asked: list[str] = []
        self.now: float | None = None

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        response = self._answer(request)
        if self.now is not None:
            response.headers["date"] = formatdate(self.now, usegmt=True)
        return response

    def _answer(self, request: httpx.Request) -> httpx.Response:
        path = request.url.path.removeprefix("/v1/")
        self.asked.append(path)
        assert request.headers["authorization"] == "Bearer sk_test_1"
        if path in self.answers:
            return httpx.Response(200, json=self.answers[path], request=request)
        found = self.things.get(path, [])
        after, limit = request.url.params.get("starting_after"), int(request.url.params.get("limit", 10))
        low = int(request.url.params.get("created[gte]", 0))
        high = int(request.url.params.get("created[lt]", 1 << 40))
        kept = [t for t in found if low <= t.get("created", low) < high]
        start = next((i + 1 for i, t in enumerate(kept) if t["id"] == after), 0) if after else 0
        page = kept[start : start + limit]
        body = {"object": "list", "data": page, "has_more": start + limit < len(kept), "url": f"/v1/{path}"}
        return httpx.Response(200, json=body, request=request)


@pytest.fixture(scope="module")
def fixtures(real_data: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((real_data / "payments" / "stripe_fixtures.json").read_text())["resources"]
    return found


@pytest.fixture
def connection(connect: Connect) -> Connection:
    return connect("stripe", secrets={"api_key": "sk_test_1"})


def test_every_kind_of_object_lands(settings: Settings, connection: Connection, fixtures: dict[str, Any]) -> None:
    things = {path: [fixtures[name]] for name, path in OBJECTS.items()}
    things["balance_transactions"] = [fixtures["balance_transaction"]]
    things["events"] = [{**fixtures["event"], "created": int(time.time()) - 5}]
    report = pull(connection, settings, transport=Account(things))
    report.raise_failed()
    assert report.total.quarantined == 0
    with landed(settings, connection) as ask:
        for name in (*OBJECTS, "balance_transaction", "event"):
            wanted = things[{**OBJECTS, "event": "events"}.get(name, f"{name}s")][0]["id"]
            assert ask(f"select id from raw_stripe__{name}") == [(wanted,)], name


def test_lines_beyond_the_first_page_of_an_invoice(
    settings: Settings, connection: Connection, fixtures: dict[str, Any]
) -> None:
    line = fixtures["line_item"]
    lines = [{**line, "id": f"il_{n:03}", "invoice": "in_1"} for n in range(130)]
    inside = {"object": "list", "data": lines[:10], "has_more": True, "url": "/v1/invoices/in_1/lines"}
    invoice = {**fixtures["invoice"], "id": "in_1", "lines": inside}
    account = Account({"invoices": [invoice], "invoices/in_1/lines": lines})
    pull(connection, settings, streams=("invoice",), transport=account).raise_failed()
    with landed(settings, connection) as ask:
        assert ask("select count(distinct id), count(*) from raw_stripe__invoice_line") == [(130, 130)]


def test_the_balance_proves_the_history(settings: Settings, connection: Connection, fixtures: dict[str, Any]) -> None:
    now = int(time.time())
    one = fixtures["balance_transaction"]
    bookings = [
        {
            **one,
            "id": f"txn_{n}",
            "created": now - n * 86_400,
            "net": 100 + n,
            "amount": 100 + n,
            "fee": 0,
            "type": kind,
        }
        for n, kind in enumerate(["charge", "charge", "refund", "charge"])
    ]
    total = sum(b["net"] for b in bookings)
    balance = {"available": [{"currency": "usd", "amount": total - 50}], "pending": [{"currency": "usd", "amount": 50}]}
    account = Account({"balance_transactions": bookings}, balance=balance)
    pull(connection, settings, streams=("balance_transaction",), transport=account).raise_failed()

    def levels() -> dict[str, tuple[str, str]]:
        with opened(connection, account) as live, landed(settings, connection) as ask:
            assert live.reconcile
            return {f.subject: (f.level, f.message) for f in live.reconcile(ask)}

    assert {level for level, _ in levels().values()} == {"ok"}
    bookings.insert(0, {**one, "id": "txn_new", "created": now, "net": 7, "amount": 7, "fee": 0, "type": "charge"})
    balance["available"][0]["amount"] += 7
    found = levels()
    assert found["balance in usd"] == ("fail", f"Stripe says {total + 7:,} minor units, {total:,} have landed: -7")
    assert found["charge: bookings of 30 days"][0] == "fail"
    assert found["refund: net of 30 days"][0] == "ok"


def test_the_cursor_is_of_stripes_time_not_of_this_machines(
    settings: Settings, connection: Connection, fixtures: dict[str, Any]
) -> None:
    """This machine's clock is three hours ahead, or as much behind: nothing is skipped, and nothing waits for hours."""
    account = Account({"customers": [], "events": []})

    def happen(at: float) -> None:
        number = len(account.things["customers"])
        customer = {**fixtures["customer"], "id": f"cus_{number}", "created": int(at), "deleted": False}
        account.things["customers"].insert(0, customer)
        account.answers[f"customers/{customer['id']}"] = customer
        event = {"id": f"evt_{number}", "type": "customer.created", "created": int(at), "data": {"object": customer}}
        account.things["events"].insert(0, {**fixtures["event"], **event})

    def landed_of(name: str) -> int:
        with landed(settings, connection) as ask:
            return int(ask(f"select count(*) from raw_stripe__{name}")[0][0])

    account.now = time.time() - 3 * 3600
    for step, shift in enumerate((0, 3600, 2 * 3600, 7 * 3600)):
        account.now = time.time() - 3 * 3600 + shift
        happen(account.now - 60)
        pull(connection, settings, streams=("customer", "event"), transport=account).raise_failed()
        made = {"customer": step + 1, "event": step + 1}
        assert {name: landed_of(name) for name in made} == made, shift
