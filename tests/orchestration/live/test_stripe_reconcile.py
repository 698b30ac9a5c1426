"""`nexus sources reconcile` against Stripe at the transport: what proves the history, and what cannot be compared."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from nexus.connections import Connection
from nexus.settings import Settings
from orchestration.live import http
from orchestration.live.pull import pull
from tests.orchestration.live.conftest import Connect
from tests.orchestration.live.stripe_api import Account

DAY = 86_400
NOW = int(time.time()) - 3600
Found = dict[str, tuple[str, str]]


def _booking(number: int, net: int, days: float, kind: str = "charge") -> dict[str, Any]:
    at = int(NOW - days * DAY)
    return {
        "id": f"txn_{number}", "object": "balance_transaction", "created": at, "available_on": at, "amount": net,
        "net": net, "fee": 0, "currency": "usd", "type": kind, "status": "available",
    }  # fmt: skip


def _account(*bookings: dict[str, Any]) -> Account:
    account = Account({"balance_transactions": list(bookings)})
    _weigh(account)
    return account


def _weigh(account: Account) -> None:
    total = sum(b["net"] for b in account.things["balance_transactions"])
    parts = {"available": [{"currency": "usd", "amount": total - 50}], "pending": [{"currency": "usd", "amount": 50}]}
    account.answers["balance"] = parts


def _pulled(settings: Settings, connection: Connection, account: Account) -> None:
    pull(connection, settings, streams=("balance_transaction",), transport=account).raise_failed()


@pytest.fixture
def told(nexus_sources: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """`told("stripe", account)`: exit code and findings of the command, which opens its own connection to the account."""

    def run(name: str, account: Account) -> tuple[int, Found]:
        with monkeypatch.context() as here:
            here.setattr(http.httpx, "HTTPTransport", lambda: account)
            said = nexus_sources("reconcile", name, "-w", "acme", "--json")
        assert not said.exception or isinstance(said.exception, SystemExit), said.exception
        return said.exit_code, {f["subject"]: (f["level"], f["message"]) for f in json.loads(said.output)}

    return run


def _levels(found: Found) -> dict[str, str]:
    return {subject: level for subject, (level, _) in found.items()}


def test_the_balance_proves_the_history(settings: Settings, connect: Connect, told: Any) -> None:
    connection = connect("stripe", secrets={"api_key": "sk_test_1"})
    account = _account(*(_booking(n, 100 + n, n, kind) for n, kind in enumerate(["charge", "charge", "refund"])))
    _pulled(settings, connection, account)
    code, found = told("stripe", account)
    assert (code, set(_levels(found).values())) == (0, {"ok"})
    assert found["balance in usd"] == ("ok", "303 minor units on both sides")
    account.things["balance_transactions"].insert(1, _booking(9, 7, 0.5))  # is not there, and was not made since
    _weigh(account)
    code, found = told("stripe", account)
    assert code == 1
    assert found["balance in usd"] == ("fail", "Stripe says 310 minor units, 303 have landed: -7")
    assert found["charge: bookings of 30 days"] == ("fail", "Stripe says 3 bookings, 2 have landed: -1")
    assert found["refund: net of 30 days"][0] == "ok"


def test_what_was_booked_since_the_last_pull_is_no_fault(settings: Settings, connect: Connect, told: Any) -> None:
    connection = connect("stripe", secrets={"api_key": "sk_test_1"})
    account = _account(_booking(1, 100, 1))
    _pulled(settings, connection, account)
    account.things["balance_transactions"].insert(0, _booking(2, 7, -1))
    _weigh(account)
    code, found = told("stripe", account)
    assert (code, found["balance in usd"]) == (0, ("ok", "100 minor units on both sides"))
    assert found["charge: net of 30 days"] == ("ok", "100 minor units on both sides")


def test_a_booking_while_the_balance_is_read_has_it_read_again(
    settings: Settings, connect: Connect, told: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    connection = connect("stripe", secrets={"api_key": "sk_test_1"})
    account = _account(_booking(1, 100, 1))
    _pulled(settings, connection, account)
    answer, balances = account._answer, []

    def between(request: httpx.Request) -> httpx.Response:
        response = answer(request)
        if request.url.path == "/v1/balance":
            balances.append(response.json())
            if len(balances) == 1:
                account.things["balance_transactions"].insert(0, _booking(2, 7, -1))
                _weigh(account)
        return response

    monkeypatch.setattr(account, "_answer", between)
    code, found = told("stripe", account)
    assert (code, found["balance in usd"]) == (0, ("ok", "100 minor units on both sides"))
    assert len(balances) == 4


def test_since_bounds_what_is_compared(settings: Settings, connect: Connect, told: Any) -> None:
    since = (datetime.now(UTC) - timedelta(days=10)).date()
    connection = connect("stripe", secrets={"api_key": "sk_test_1"}, since=since)
    account = _account(_booking(1, 100, 1), _booking(2, 50, 20), _booking(3, 50, 900))
    _pulled(settings, connection, account)
    code, found = told("stripe", account)
    assert code == 0
    assert found["balance"] == ("warn", f"not comparable: bookings before {since} were not asked for (`since`)")
    assert found[f"charge: bookings since {since}"] == ("ok", "1 bookings on both sides")
    account.things["balance_transactions"].insert(0, _booking(4, 7, 0.5))
    assert told("stripe", account)[0] == 1


def test_two_accounts_in_one_workspace_are_told_apart(settings: Settings, connect: Connect, told: Any) -> None:
    accounts = {"stripe": _account(_booking(1, 100, 1)), "stripe-europe": _account(_booking(2, 7, 1))}
    for name, account in accounts.items():
        _pulled(settings, connect(name, source="stripe", secrets={"api_key": "sk_test_1"}), account)
    for name, account in accounts.items():
        code, found = told(name, account)
        assert code == 0, found
        assert found["balance"][1] == "not comparable: several Stripe connections land here (stripe, stripe-europe)"
        assert found["charge: bookings of 30 days"] == ("ok", "1 bookings on both sides")
    accounts["stripe"].things["balance_transactions"].append(_booking(3, 5, 2))
    assert told("stripe", accounts["stripe"])[0] == 1


def test_a_list_that_was_not_read_to_its_end_is_not_compared(connect: Connect, told: Any) -> None:
    connect("stripe", secrets={"api_key": "sk_test_1"})
    code, found = told("stripe", _account(_booking(1, 100, 1)))
    assert (code, _levels(found)) == (0, {"bookings": "warn"})


def test_what_reconciling_needs_is_asked_for_beforehand(connect: Connect, told: Any) -> None:
    from orchestration.live.connections import opened

    account = _account()
    account.denied = {"balance"}
    with opened(connect("stripe", secrets={"api_key": "sk_test_1"}), account) as live:
        levels = {f.subject: f.level for f in live.check()}
    assert (levels.pop("balance"), levels.pop("key"), set(levels.values())) == ("warn", "warn", {"ok"})
