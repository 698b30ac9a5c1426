"""Stripe live against localstripe: first pull, changes, deletions, pages, reconciliation."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from nexus.connections import Connection
from nexus.settings import Settings
from orchestration.live.landed import landed
from orchestration.live.pull import pull
from tests.orchestration.live.conftest import Connect

# what localstripe does not have is tested at the transport
HAVE = (
    "event",
    "customer",
    "product",
    "subscription",
    "invoice",
    "charge",
    "payment_intent",
    "refund",
    "balance_transaction",
)


@pytest.fixture
def connection(localstripe: str, connect: Connect) -> Connection:
    return connect("stripe", secrets={"api_key": "sk_test_1"}, api_base=localstripe, streams=list(HAVE))


def _made(client: httpx.Client, path: str, **data: Any) -> dict[str, Any]:
    response = client.post(f"/v1/{path}", data=data)
    assert response.status_code == 200, response.text
    found: dict[str, Any] = response.json()
    return found


def _charged(client: httpx.Client, amount: int) -> dict[str, Any]:
    card = {"source[object]": "card", "source[number]": "4242424242424242", "source[exp_month]": 12}
    customer = _made(client, "customers", email=f"c{amount}@shop.example")
    source = _made(
        client, f"customers/{customer['id']}/sources", **card, **{"source[exp_year]": 2030, "source[cvc]": 123}
    )
    return _made(client, "charges", amount=amount, currency="eur", customer=customer["id"], source=source["id"])


def _query(settings: Settings, connection: Connection, sql: str) -> list[tuple[Any, ...]]:
    with landed(settings, connection) as ask:
        return ask(sql)


def test_everything_once_then_only_what_changed(
    settings: Settings, connection: Connection, stripe: httpx.Client
) -> None:
    charges = [_charged(stripe, 100 + n) for n in range(3)]
    first = pull(connection, settings)
    first.raise_failed()
    assert first.total.quarantined == 0
    assert _query(settings, connection, "select count(*), sum(amount_minor) from raw_stripe__charge") == [(3, 303)]
    assert _query(settings, connection, "select count(*) from raw_stripe__customer") == [(3,)]

    customer = charges[0]["customer"]
    _made(stripe, f"customers/{customer}", email="new@shop.example")
    _made(stripe, "refunds", charge=charges[1]["id"], amount=40)
    _charged(stripe, 999)
    second = pull(connection, settings)
    second.raise_failed()
    assert _query(settings, connection, f"select email from raw_stripe__customer where id = '{customer}'") == [
        ("new@shop.example",)
    ]
    assert _query(settings, connection, "select count(*), sum(amount_minor) from raw_stripe__charge") == [(4, 1302)]
    assert _query(settings, connection, "select sum(amount_minor) from raw_stripe__refund") == [(40,)]

    third = pull(connection, settings)
    third.raise_failed()
    assert third.total.landed == 0


def test_a_list_of_many_pages_lands_whole(settings: Settings, connection: Connection, stripe: httpx.Client) -> None:
    made = {_made(stripe, "customers", email=f"n{n}@shop.example")["id"] for n in range(230)}
    report = pull(connection, settings, streams=("customer",))
    report.raise_failed()
    assert report.streams[0].pages == 4  # three of customers, and the one that ends the list
    assert {row[0] for row in _query(settings, connection, "select id from raw_stripe__customer")} == made


def test_a_deleted_object_is_told(settings: Settings, connection: Connection, stripe: httpx.Client) -> None:
    customer = _made(stripe, "customers", email="gone@shop.example")
    pull(connection, settings).raise_failed()
    assert stripe.delete(f"/v1/customers/{customer['id']}").status_code == 200
    pull(connection, settings).raise_failed()
    rows = _query(settings, connection, "select id, object_type from raw_stripe__deleted_object")
    assert rows == [(customer["id"], "customer")]
    # the last full version stays: facts refer to it
    assert _query(settings, connection, "select count(*) from raw_stripe__customer") == [(1,)]
