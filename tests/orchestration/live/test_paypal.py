"""PayPal live at the transport: every request and every response of this file is held to PayPal's published schemas.

Where these do not lie beside the checkout the same tests run without that check, and one says so by being skipped.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from nexus.connections import Connection
from nexus.errors import InputError
from nexus.settings import Settings
from orchestration.live.connections import opened
from orchestration.live.landed import landed
from orchestration.live.pull import pull
from orchestration.live.spec import Cursor, Span
from orchestration.sources.paypal import live
from orchestration.sources.paypal.named import Named
from tests.conftest import SHARED
from tests.orchestration.live.conftest import Connect, Seconds
from tests.orchestration.live.paypal_api import PayPal
from tests.orchestration.live.published import Published

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
SPECS = sorted((SHARED / "payments" / "paypal_openapi").glob("*_v1.json"))


@pytest.fixture
def paypal() -> PayPal:
    return PayPal(Published(SPECS))


@pytest.fixture
def connection(connect: Connect) -> Connection:
    return connect("paypal", secrets={"client_id": "app", "client_secret": "secret"}, since="2026-01-01")


class Clock:
    """The time that PayPal and Nexus agree on; it stands still, or goes on `ahead` of the machine's."""

    def __init__(self) -> None:
        self.now = NOW
        self.ahead: timedelta | None = None

    def __call__(self) -> datetime:
        return self.now if self.ahead is None else datetime.now(UTC) + self.ahead


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch, paypal: PayPal) -> Clock:
    clock = Clock()
    paypal.now = clock
    monkeypatch.setattr(live.Report.__init__, "__defaults__", (clock,))
    monkeypatch.setattr(Named.__init__, "__defaults__", (clock,))
    return clock


def _read(connection: Connection, paypal: PayPal, cursor: Cursor) -> tuple[list[str], Cursor]:
    """Ids that the report's stream gives from `cursor`, and the cursor after them."""
    with opened(connection, paypal) as account:
        pages = list(account.streams[0].pages(cursor))  # type: ignore[call-arg]
    found = [d["transaction_info"]["transaction_id"] for page in pages for d in page.documents]  # type: ignore[index, call-overload]
    return found, pages[-1].cursor


def test_everything_is_held_to_the_published_schemas(real_data: object, connection: Connection, paypal: PayPal) -> None:
    assert len(SPECS) == 4
    with opened(connection, paypal) as account:
        assert [f.level for f in account.check()] == ["ok"] * 3
    assert paypal.published.checked == 3
    with pytest.raises(AssertionError, match="page_size=501"):
        paypal.published.check(*_asked(paypal, page_size=501))


def _asked(paypal: PayPal, **params: Any) -> tuple[httpx.Request, httpx.Response]:
    first = next(r for r in paypal.asked if "reporting" in r.url.path)
    return httpx.Request("GET", first.url.copy_merge_params(params)), httpx.Response(200, json={})


def test_windows_pages_and_halves(connection: Connection, paypal: PayPal, clock: Clock) -> None:
    """Ten months in eleven windows; a day with more than PayPal gives is halved until it fits."""
    for n in range(1200):
        paypal.entry(f"BUSY{n:05}", NOW - timedelta(days=40, seconds=n))
    for month in range(10):
        paypal.entry(f"MONTH{month}", NOW - timedelta(days=30 * month, hours=9))
    paypal.most = 700
    found, cursor = _read(connection, paypal, {})
    assert len(set(found)) == 1210
    spans = [r.url.params for r in paypal.asked if "reporting" in r.url.path]
    assert min(p["start_date"] for p in spans) == "2026-01-01T00:00:00Z"
    assert max(int(p["page"]) for p in spans) == 2
    assert cursor["until"] == "2026-11-20T09:00:00+00:00"  # as of when the report is true, not now


def test_what_is_late_and_what_changes_is_seen(connection: Connection, paypal: PayPal, clock: Clock) -> None:
    paypal.entry("INTIME", NOW - timedelta(hours=5))
    paypal.entry("LATE", NOW - timedelta(hours=4), late=timedelta(hours=4, minutes=30))
    paypal.entry("PENDING", NOW - timedelta(days=20), transaction_status="P")
    found, cursor = _read(connection, paypal, {})
    assert found == ["PENDING", "INTIME"]
    clock.now += timedelta(hours=1)
    paypal.entry("PENDING", NOW - timedelta(days=20), transaction_status="S")
    found, cursor = _read(connection, paypal, cursor)
    assert sorted(found) == ["INTIME", "LATE"]  # six hours back from where the report was true
    clock.now += timedelta(hours=24)
    found, cursor = _read(connection, paypal, cursor)
    assert "PENDING" in found  # once a day the last month
    asked = len(paypal.asked)
    found, _ = _read(connection, paypal, cursor)
    assert "PENDING" not in found
    assert len(paypal.asked) - asked == 2  # a token, and one short window


def test_a_span_is_asked_for_without_moving_the_cursor(connection: Connection, paypal: PayPal, clock: Clock) -> None:
    paypal.entry("IN", NOW - timedelta(days=50))
    paypal.entry("OUT", NOW - timedelta(days=10))
    with opened(connection, paypal) as account:
        assert account.streams[0].span is not None
        pages = list(account.streams[0].span(Span(NOW - timedelta(days=100), NOW - timedelta(days=20))))
    assert [len(page.documents) for page in pages if page.documents] == [1]
    assert {dict(page.cursor).get("until") for page in pages} == {None}


def test_a_token_is_renewed_once_and_then_it_is_told(connection: Connection, paypal: PayPal, clock: Clock) -> None:
    with opened(connection, paypal) as account:
        list(account.streams[0].pages({}))  # type: ignore[call-arg]
        assert paypal.tokens == 1
        paypal.valid = "withdrawn"
        list(account.streams[0].pages({}))  # type: ignore[call-arg]
        assert paypal.tokens == 2
        paypal.accepts = False
        asked = len(paypal.asked)
        with pytest.raises(InputError, match=r"401.*Authentication failed") as caught:
            list(account.streams[0].pages({}))  # type: ignore[call-arg]
        assert len(paypal.asked) - asked == 3  # refused, a new token, refused again
    assert "client_secret" in (caught.value.remedy or "")
    assert "A21.token" not in str(caught.value)


def test_a_token_is_renewed_before_it_expires(
    connection: Connection, paypal: PayPal, clock: Clock, seconds: Seconds
) -> None:
    with opened(connection, paypal) as account:
        for moment, tokens in ((0, 1), (32_400 - 61, 1), (32_400 - 59, 2)):
            seconds.now = moment
            list(account.streams[0].pages({}))  # type: ignore[call-arg]
            assert paypal.tokens == tokens, moment
    assert len(paypal.asked) == 3 * 11 + 2  # nothing was refused in between


def test_what_is_missing_is_said_in_words(connect: Connect, connection: Connection, paypal: PayPal) -> None:
    paypal.forbidden = {"reporting", "payouts"}
    with opened(connection, paypal) as account:
        found = {f.subject: f for f in account.check()}
    assert {name: f.level for name, f in found.items()} == {
        "Transaction search": "fail", "Subscriptions": "ok", "Payouts": "fail",
    }  # fmt: skip
    assert "Apps & Credentials" in found["Payouts"].remedy
    wrong = connect("paypal", secrets={"client_id": "app", "client_secret": "wrong"})
    with opened(wrong, paypal) as account:
        (finding,) = account.check()
    assert (finding.subject, finding.level) == ("credentials", "fail")
    assert "Client Authentication failed" in finding.message


def test_subscriptions_and_payouts_are_found_by_what_names_them(
    settings: Settings, connection: Connection, paypal: PayPal, clock: Clock
) -> None:
    clock.ahead = timedelta(0)  # what is due depends on when entries landed
    now = clock()
    paypal.entry("PAID", now - timedelta(days=2), paypal_reference_id="ISUB1", paypal_reference_id_type="SUB")
    paypal.entry("GONE", now - timedelta(days=2), paypal_reference_id="ISUB2", paypal_reference_id_type="SUB")
    paypal.entry("MASS", now - timedelta(days=2), paypal_reference_id="BATCH1", transaction_event_code="T0001")
    paypal.subscriptions["ISUB1"] = {
        "id": "ISUB1", "plan_id": "P-1", "status": "ACTIVE", "start_time": "2026-01-01T00:00:00Z",
        "update_time": "2026-11-01T00:00:00Z",
    }  # fmt: skip
    item = {"amount": {"currency": "EUR", "value": "5.00"}, "receiver": "a@example.com"}
    items = [
        {
            "payout_item_id": f"ITEM{n}",
            "payout_batch_id": "BATCH1",
            "payout_item": item,
            "transaction_status": "PENDING",
        }
        for n in range(5)
    ]
    header = {"payout_batch_id": "BATCH1", "batch_status": "PROCESSING", "sender_batch_header": {}}
    paypal.payouts["BATCH1"] = {"batch_header": header, "items": items}
    report = pull(connection, settings, transport=paypal)
    report.raise_failed()
    assert {s.stream: s.counts.landed for s in report.streams} == {"transaction": 3, "subscription": 1, "payout": 5}
    assert report.total.quarantined == 0

    paypal.subscriptions["ISUB1"] |= {"status": "CANCELLED", "update_time": "2026-11-20T00:00:00Z"}
    paypal.asked.clear()
    pull(connection, settings, transport=paypal).raise_failed()
    assert not [p for p in paypal.paths() if "billing" in p or "payouts" in p]  # nothing new names any
    clock.ahead += timedelta(days=1, minutes=1)  # a cancellation leaves no entry
    pull(connection, settings, transport=paypal).raise_failed()
    assert sorted({p for p in paypal.paths() if "billing" in p or "payouts" in p}) == [
        "/v1/billing/subscriptions/ISUB1", "/v1/payments/payouts/BATCH1",
    ]  # fmt: skip
    with landed(settings, connection) as ask:
        assert ask("select id, status from raw_paypal__subscription") == [("ISUB1", "CANCELLED")]
        assert ask("select count(*), max(payout_batch_id) from raw_paypal__payout_item") == [(5, "BATCH1")]


def _subscribed(paypal: PayPal, identifier: str, paid: datetime) -> None:
    paypal.entry(f"OF{identifier}", paid, paypal_reference_id=identifier, paypal_reference_id_type="SUB")
    paypal.subscriptions[identifier] = {
        "id": identifier, "plan_id": "P-1", "status": "ACTIVE", "start_time": "2026-01-01T00:00:00Z",
        "update_time": "2026-11-01T00:00:00Z",
    }  # fmt: skip


def _subscriptions(settings: Settings, connection: Connection) -> set[str]:
    with landed(settings, connection) as ask:
        return {row[0] for row in ask("select id from raw_paypal__subscription")}


def test_an_entry_is_followed_whatever_this_machines_clock_says(
    settings: Settings, connection: Connection, paypal: PayPal, clock: Clock
) -> None:
    clock.ahead = timedelta(hours=2)
    _subscribed(paypal, "ISUB1", clock() - timedelta(days=2))
    pull(connection, settings, transport=paypal).raise_failed()
    clock.ahead = timedelta(0)  # set right: what lands now lands before the last pull began
    _subscribed(paypal, "ISUB2", clock() - timedelta(hours=4))
    pull(connection, settings, transport=paypal).raise_failed()
    assert _subscriptions(settings, connection) == {"ISUB1", "ISUB2"}


def test_a_run_that_broke_off_goes_on_and_loses_nothing(
    settings: Settings, connection: Connection, paypal: PayPal, clock: Clock
) -> None:
    clock.ahead = timedelta(0)
    for n in range(120):
        _subscribed(paypal, f"I{n:03}", clock() - timedelta(days=2, seconds=n))
    paypal.forbidden = {"/I070"}
    report = pull(connection, settings, transport=paypal)
    assert [s.stream for s in report.streams if s.error] == ["subscription"]
    assert len(_subscriptions(settings, connection)) == 50
    paypal.forbidden = set()
    paypal.asked.clear()
    _subscribed(paypal, "I000A", clock() - timedelta(hours=4))  # lands before the place where the run broke off
    pull(connection, settings, transport=paypal).raise_failed()
    asked = [path.rpartition("/")[2] for path in paypal.paths() if "subscriptions" in path]
    assert asked == [f"I{n:03}" for n in range(50, 120)]
    pull(connection, settings, transport=paypal).raise_failed()
    assert _subscriptions(settings, connection) == {"I000A", *(f"I{n:03}" for n in range(120))}
