"""Stripe live at the transport: what localstripe does not have (prices, disputes), lines beyond the first ten, payments of
invoices.

Objects are Stripe's own fixtures, one of every resource.
"""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest

from nexus.connections import Connection
from nexus.settings import Settings
from orchestration.live.landed import landed
from orchestration.live.pull import pull
from orchestration.sources.stripe.live import OBJECTS
from tests.orchestration.live.conftest import Connect
from tests.orchestration.live.stripe_api import Account


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


def _linked(fixtures: dict[str, Any], count: int) -> dict[str, list[dict[str, Any]]]:
    """An invoice that `count` payments pay, as API versions since 2025-03-31 have it."""
    link = fixtures["invoice_payment"]
    links = [
        {
            **link, "id": f"inpay_{n:03}", "invoice": "in_1", "amount_requested": 100,
            "payment": {"type": "payment_intent", "payment_intent": f"pi_{n:03}"},
        }
        for n in range(count)
    ]  # fmt: skip
    return {"invoices": [{**fixtures["invoice"], "id": "in_1", "created": 1_700_000_000}], "invoice_payments": links}


PAYMENTS = "select count(*), min(invoice_id), max(payment_intent_id) from raw_stripe__invoice_payment"


def test_payments_come_with_their_invoice_however_many(
    settings: Settings, connection: Connection, fixtures: dict[str, Any]
) -> None:
    account = Account(_linked(fixtures, 130))
    report = pull(connection, settings, streams=("invoice",), transport=account)
    report.raise_failed()
    assert report.total.quarantined == 0
    with landed(settings, connection) as ask:
        assert ask(PAYMENTS) == [(130, "in_1", "pi_129")]
        assert ask("select payment_intent_id from raw_stripe__invoice") == [("pi_000",)]


@pytest.mark.parametrize("thing", ["invoice", "invoice_payment"])
def test_a_payment_that_came_later_lands_with_its_invoice(
    settings: Settings, connection: Connection, fixtures: dict[str, Any], thing: str
) -> None:
    account = Account({**_linked(fixtures, 0), "events": []})
    pull(connection, settings, streams=("event", "invoice"), transport=account).raise_failed()
    account.things |= _linked(fixtures, 1)
    paid = account.things[f"{thing}s"][0]
    event = {"id": "evt_1", "type": f"{thing}.paid", "created": int(time.time()), "data": {"object": paid}}
    account.things["events"] = [{**fixtures["event"], **event}]
    pull(connection, settings, streams=("event", "invoice"), transport=account).raise_failed()
    with landed(settings, connection) as ask:
        assert ask(PAYMENTS) == [(1, "in_1", "pi_000")]


def test_a_version_that_cannot_expand_payments_is_asked_without(
    settings: Settings, connection: Connection, fixtures: dict[str, Any]
) -> None:
    invoices = [{**fixtures["invoice"], "id": f"in_{n:03}", "payment_intent": "pi_1"} for n in range(150)]
    account = Account({"invoices": invoices})
    account.expands = False
    pull(connection, settings, streams=("invoice",), transport=account).raise_failed()
    with landed(settings, connection) as ask:
        assert ask("select count(*), min(payment_intent_id) from raw_stripe__invoice") == [(150, "pi_1")]
    assert len(account.asked) == 3  # refused once, then two pages


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
