"""Stripe live at the transport: what is listed when, and what the events feed asks for, after failures and long silences."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from nexus.connections import Connection
from nexus.errors import ProviderError
from nexus.settings import Settings
from orchestration.live.connections import opened
from orchestration.live.landed import landed
from orchestration.live.pull import pull
from orchestration.live.spec import Span
from tests.orchestration.live.conftest import Connect
from tests.orchestration.live.stripe_api import Account
from warehouse import ledger, pulls

DAY = 86_400
NOW = int(time.time())


@pytest.fixture
def connection(connect: Connect) -> Connection:
    return connect("stripe", secrets={"api_key": "sk_test_1"}, streams=["event", "customer"], relist_days=365)


@pytest.fixture
def account() -> Account:
    account = Account({"customers": [_customer(1, NOW - 100 * DAY)], "events": []})
    account.now = NOW - 60 * DAY
    return account


def _customer(number: int, created: int, email: str = "old@shop.example") -> dict[str, Any]:
    return {"id": f"cus_{number}", "object": "customer", "created": created, "email": email}


def _changes(account: Account, at: float, *, told: bool = True) -> None:
    """Customer 1 changes at a time; `told`: Stripe still keeps the event."""
    account.things["customers"] = [_customer(1, NOW - 100 * DAY, "new@shop.example")]
    event = {
        "id": "evt_1", "object": "event", "type": "customer.updated", "created": int(at),
        "data": {"object": account.things["customers"][0]},
    }  # fmt: skip
    account.things["events"] = [event] if told else []


def _email(settings: Settings, connection: Connection) -> str:
    with landed(settings, connection) as ask:
        return str(ask("select email from raw_stripe__customer where id = 'cus_1'")[0][0])


def test_changes_of_before_events_could_be_read_are_not_lost(
    settings: Settings, connection: Connection, account: Account
) -> None:
    account.denied = {"events"}
    report = pull(connection, settings, transport=account)
    assert [s.stream for s in report.streams if s.error] == ["event"]
    account.now = NOW - 55 * DAY
    _changes(account, account.now - 3 * DAY)
    account.denied = set()
    pull(connection, settings, transport=account).raise_failed()
    assert _email(settings, connection) == "new@shop.example"


def test_the_first_pull_asks_for_nothing_twice(settings: Settings, connection: Connection, account: Account) -> None:
    _changes(account, NOW - 61 * DAY)
    pull(connection, settings, transport=account).raise_failed()
    assert _email(settings, connection) == "new@shop.example"
    assert "customers/cus_1" not in account.asked


def test_events_read_again_say_what_has_changed_since_the_lists(
    settings: Settings, connection: Connection, account: Account
) -> None:
    pull(connection, settings, transport=account).raise_failed()
    account.now = NOW - 55 * DAY
    _changes(account, account.now - 3 * DAY)
    with ledger.connect(settings) as book:
        pulls.forget(book, "acme", "stripe", "event")
    pull(connection, settings, streams=("event",), transport=account).raise_failed()
    assert _email(settings, connection) == "new@shop.example"


def test_a_silence_longer_than_events_are_kept_lists_anew(
    settings: Settings, connection: Connection, account: Account
) -> None:
    pull(connection, settings, transport=account).raise_failed()
    account.now = NOW - 40 * DAY
    account.denied = {"events"}  # the lists go on, so that they look fresh
    pull(connection, settings, transport=account)
    account.now = NOW
    account.denied = set()
    _changes(account, NOW - 45 * DAY, told=False)
    pull(connection, settings, transport=account).raise_failed()
    assert _email(settings, connection) == "new@shop.example"
    account.now = NOW + 60
    pull(connection, settings, transport=account).raise_failed()
    with ledger.connect(settings) as book:  # only once: the last pull read what is newer
        cursor = pulls.cursor(book, "acme", "stripe", "customer")
    assert cursor["listed_at"] < cursor["until"]


def test_every_object_is_listed_anew_after_some_days(
    settings: Settings, connect: Connect, account: Account
) -> None:  # fmt: skip
    connection = connect("stripe", secrets={"api_key": "sk_test_1"}, streams=["customer"], relist_days=5)
    pull(connection, settings, transport=account).raise_failed()
    _changes(account, NOW, told=False)
    for days, email in ((4, "old@shop.example"), (6, "new@shop.example")):
        account.now = NOW + (days - 60) * DAY
        pull(connection, settings, transport=account).raise_failed()
        assert _email(settings, connection) == email, days


def test_a_list_that_broke_off_begins_anew_where_its_place_is_gone(
    settings: Settings, connection: Connection, account: Account
) -> None:
    account.things["customers"] = [_customer(n, NOW - 100 * DAY - n) for n in range(250)]
    with opened(connection, account) as live:
        (stream,) = [s for s in live.streams if s.name == "customer"]
        with landed(settings, connection) as known:
            page = next(iter(stream.pages({}, known)))  # type: ignore[call-arg]
    assert page.cursor["after"] == "cus_99"
    with ledger.connect(settings) as book:
        pulls.advance(book, "acme", "stripe", "customer", "stripe", page.cursor)
    del account.things["customers"][99]
    pull(connection, settings, streams=("customer",), transport=account).raise_failed()
    with landed(settings, connection) as ask:
        assert ask("select count(*) from raw_stripe__customer") == [(249,)]


def test_a_span_holds_what_was_made_and_what_happened_in_it(connection: Connection, account: Account) -> None:
    account.things["customers"] = [_customer(n, NOW - n * DAY) for n in range(1, 6)]
    account.things["events"] = [{"id": f"evt_{n}", "object": "event", "created": NOW - n * DAY} for n in range(1, 6)]
    start, end = (datetime.fromtimestamp(NOW, UTC) - timedelta(days=n) for n in (4, 2))
    found = {}
    with opened(connection, account) as live:
        for stream in live.streams[:2]:
            assert stream.span is not None
            pages = list(stream.span(Span(start, end)))
            assert {len(page.cursor) for page in pages} == {0}
            found[stream.name] = [d["id"] for page in pages for d in page.documents]  # type: ignore[index, call-overload]
    assert found == {"event": ["evt_3", "evt_4"], "customer": ["cus_3", "cus_4"]}


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        ({"data": None, "has_more": True}, "it says that there is more but gives nothing"),
        ({"data": [], "has_more": True}, "it says that there is more but gives nothing"),
        ({"data": [{"id": "cus_1", "object": "customer"}], "has_more": True}, "it says that there is more but gives nothing"),
        ([{"id": "cus_1", "object": "customer"}], "it is no list of objects"),
        ({"object": "list"}, "it is no list of objects"),
        ({"data": ["cus_1"], "has_more": False}, "it is no list of objects"),
        ({"data": [{"object": "customer"}], "has_more": False}, "its last object has no id"),
    ],
)  # fmt: skip
def test_a_page_that_leads_nowhere_is_told_and_not_asked_for_again(
    settings: Settings, connection: Connection, account: Account, answer: Any, why: str
) -> None:
    account.answers["customers"] = answer
    report = pull(connection, settings, streams=("customer",), transport=account)
    error = report.streams[0].error
    assert isinstance(error, ProviderError)
    assert error.message == f"Stripe gave no usable answer to GET /v1/customers: {why}"
    assert len(account.asked) <= 2


def test_an_object_that_is_a_list_is_told(settings: Settings, connection: Connection, account: Account) -> None:
    account.now = NOW
    pull(connection, settings, transport=account).raise_failed()
    _changes(account, NOW)
    account.answers["customers/cus_1"] = [account.things["customers"][0]]
    error = pull(connection, settings, streams=("event",), transport=account).streams[0].error
    assert isinstance(error, ProviderError)
    assert error.message == "Stripe gave no usable answer to GET /v1/customers/cus_1: it is no object"


def test_a_time_that_is_none_keeps_nothing_from_landing(
    settings: Settings, connection: Connection, account: Account
) -> None:
    account.now = NOW
    pull(connection, settings, transport=account).raise_failed()
    broken = {**_customer(2, 0), "created": "soon"}
    account.things["customers"] = [broken, _customer(3, NOW), *account.things["customers"]]
    told = {"id": "evt_2", "object": "event", "type": "customer.created", "data": {"object": broken}}
    account.things["events"] = [{**told, "created": "soon"}, {**told, "id": "evt_3", "created": NOW, "data": "none"}]
    report = pull(connection, settings, transport=account)
    report.raise_failed()
    assert {stream.stream: stream.counts.quarantined for stream in report.streams} == {"event": 2, "customer": 1}
    with landed(settings, connection) as ask:
        assert ask("select id from raw_stripe__customer order by id") == [("cus_1",), ("cus_3",)]
    pull(connection, settings, transport=account).raise_failed()


def test_lines_that_are_no_list_keep_nothing_from_landing(settings: Settings, connect: Connect) -> None:
    connection = connect("stripe", secrets={"api_key": "sk_test_1"}, streams=["subscription"])
    thing = {"id": "sub_1", "object": "subscription", "created": NOW, "items": "none"}
    report = pull(connection, settings, transport=Account({"subscriptions": [thing]}))
    report.raise_failed()
    assert report.total.read > 0
