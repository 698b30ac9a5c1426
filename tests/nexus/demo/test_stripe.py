"""The Stripe export links up, adds up and tells the same history as the truth."""

from __future__ import annotations

from collections import defaultdict
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import polars as pl

Json = dict[str, Any]


def item_mrr(amount: int, quantity: int, interval: str, count: int) -> int:
    """The definition of the business, written out again: halves rounded up, per item."""
    numerator, denominator = {"month": (1, count), "year": (1, 12 * count)}[interval]
    total = amount * quantity * numerator
    return (2 * total + denominator) // (2 * denominator)


def subscription_mrr(sub: Json) -> int:
    if sub["status"] not in ("active", "past_due"):
        return 0
    return sum(
        item_mrr(
            i["price"]["unit_amount"],
            i["quantity"],
            i["price"]["recurring"]["interval"],
            i["price"]["recurring"]["interval_count"],
        )
        for i in sub["items"]["data"]
    )


def paypal_mrr(sub: Json) -> int:
    cycle = sub["plan"]["billing_cycles"][0]
    price = cycle["pricing_scheme"]["fixed_price"]
    minor = int(price["value"].replace(".", ""))
    return item_mrr(
        minor, int(sub["quantity"]), cycle["frequency"]["interval_unit"].lower(), cycle["frequency"]["interval_count"]
    )


def day(at: int | str) -> str:
    moment = datetime.fromtimestamp(at, UTC) if isinstance(at, int) else datetime.fromisoformat(at)
    return moment.date().isoformat()


def changes(written: Any) -> dict[str, list[Json]]:
    by: dict[str, list[Json]] = defaultdict(list)
    kinds = tuple(f"customer.subscription.{k}" for k in ("created", "updated", "deleted", "paused", "resumed"))
    for event in sorted((e for e in written.events if e["type"] in kinds), key=lambda e: e["created"]):
        by[event["data"]["object"]["id"]].append(event)
    return by


def test_the_last_event_of_a_subscription_shows_it_as_it_is(written: Any) -> None:
    told = changes(written)
    now = {s["id"]: s for s in written.jsonl("stripe/subscriptions.jsonl.gz")}
    assert told.keys() == now.keys()
    for id, events in told.items():
        assert events[-1]["data"]["object"] == now[id]
        assert events[0]["type"] == "customer.subscription.created"
        moments = [e["created"] for e in events]
        assert moments == sorted(set(moments)), "two changes in one second leave their order open"


def test_an_update_names_what_was_before(written: Any) -> None:
    seen = set()
    for events in changes(written).values():
        for before, event in pairwise(events):
            if event["type"] != "customer.subscription.updated":
                continue
            previous, now, then = (
                event["data"]["previous_attributes"],
                event["data"]["object"],
                before["data"]["object"],
            )
            assert previous
            for key in now:
                if key in previous:
                    expected = {"data": then[key]["data"]} if key == "items" else then[key]
                    assert previous[key] == expected != now[key]
                else:
                    assert now[key] == then[key]
            seen |= previous.keys()
    assert {"status", "items", "quantity", "current_period_end", "cancel_at_period_end"} <= seen


def test_revenue_rebuilt_from_the_exports_is_the_truth_to_the_cent(written: Any) -> None:
    steps: dict[tuple[str, str], dict[str, dict[str, int]]] = defaultdict(lambda: defaultdict(dict))
    for id, events in changes(written).items():
        for event in events:
            sub = event["data"]["object"]
            steps[sub["customer"], sub["currency"]][id][day(event["created"])] = subscription_mrr(sub)
    payer = dict(written.truth("customers.parquet").select("payer_id", "customer_id").iter_rows())
    for sub in written.jsonl("paypal/subscriptions.jsonl"):
        currency = sub["plan"]["billing_cycles"][0]["pricing_scheme"]["fixed_price"]["currency_code"].lower()
        states = steps[payer[sub["subscriber"]["payer_id"]], currency][sub["id"]]
        states[day(sub["start_time"])] = paypal_mrr(sub)
        if sub["status"] in ("CANCELLED", "EXPIRED", "SUSPENDED"):
            states[day(sub["status_update_time"])] = 0
    moved = []
    for (customer, currency), subs in steps.items():
        current: dict[str, int] = {}
        opening, has_paid = 0, False
        for date in sorted({d for states in subs.values() for d in states}):
            current |= {id: states[date] for id, states in subs.items() if date in states}
            closing = sum(current.values())
            if closing != opening:
                kind = (
                    "reactivation"
                    if not opening and has_paid
                    else "new"
                    if not opening
                    else "churn"
                    if not closing
                    else "expansion"
                    if closing > opening
                    else "contraction"
                )
                moved.append((customer, currency, date, kind, closing - opening, opening, closing))
                opening, has_paid = closing, True
    truth = (
        written.truth("mrr_movement.parquet")
        .with_columns(pl.col("movement_date").cast(pl.String))
        .drop("month_date", "why")
    )
    assert sorted(moved) == sorted(truth.iter_rows())
    assert {m[3] for m in moved} == {"new", "expansion", "contraction", "churn", "reactivation"}


def test_the_monthly_bridge_adds_up(written: Any) -> None:
    bridge = written.truth("mrr_month.csv")
    parts = pl.sum_horizontal("opening", "new", "expansion", "contraction", "churn", "reactivation")
    assert bridge.filter(parts != pl.col("closing")).is_empty()
    opening = bridge.sort("currency", "month_date").with_columns(
        before=pl.col("closing").shift(1).over("currency").fill_null(0)
    )
    assert opening.filter(pl.col("before") != pl.col("opening")).is_empty()
    usd = bridge.filter(pl.col("currency") == "usd").sort("month_date")["closing"].to_list()
    assert usd[-1] > 1.5 * usd[len(usd) // 2], "the company grows"


def test_invoice_numbers_run_without_gaps(written: Any) -> None:
    numbers = defaultdict(list)
    for invoice in written.invoices:
        assert (invoice["number"] is None) == (invoice["status"] == "draft")
        if invoice["number"]:
            prefix, number = invoice["number"].split("-")
            numbers[prefix].append(int(number))
    prefixes = {c["invoice_prefix"] for c in written.jsonl("stripe/customers.jsonl.gz")}
    assert numbers.keys() <= prefixes
    assert all(sorted(found) == list(range(1, len(found) + 1)) for found in numbers.values())


def test_invoices_equal_their_lines_and_their_payments(written: Any) -> None:
    charged = defaultdict(int)
    for charge in written.charges:
        charged[charge["invoice"]] += charge["amount"] * (charge["status"] == "succeeded")
    for invoice in written.invoices:
        lines = invoice["lines"]["data"]
        assert sum(line["amount"] for line in lines) == invoice["subtotal"]
        assert sum(t["amount"] for line in lines for t in line["tax_amounts"]) == (invoice["tax"] or 0)
        assert invoice["total"] == invoice["subtotal"] + (invoice["tax"] or 0) >= 0
        assert invoice["amount_paid"] == charged[invoice["id"]]
        assert (invoice["status"] == "paid") == (invoice["amount_paid"] == invoice["total"])


def test_every_id_leads_somewhere(written: Any) -> None:
    customers = {c["id"] for c in written.jsonl("stripe/customers.jsonl.gz")}
    invoices = {i["id"]: i for i in written.invoices}
    charges = {c["id"]: c for c in written.charges}
    intents = {p["id"]: p for p in written.jsonl("stripe/payment_intents-*")}
    subscriptions = {s["id"] for s in written.jsonl("stripe/subscriptions.jsonl.gz")}
    prices = {p["id"]: p for p in written.jsonl("stripe/prices.jsonl")}
    products = {p["id"] for page in written.documents("stripe/products.json") for p in page["data"]}
    balance = {b["id"]: b for b in written.jsonl("stripe/balance_transactions-*")}
    assert {p["product"] for p in prices.values()} == products
    for invoice in invoices.values():
        assert invoice["customer"] in customers
        assert invoice["subscription"] in subscriptions
        assert {line["price"]["id"] for line in invoice["lines"]["data"]} <= prices.keys()
    for charge in charges.values():
        assert charge["customer"] == invoices[charge["invoice"]]["customer"]
        assert intents[charge["payment_intent"]]["invoice"] == charge["invoice"]
        assert (charge["balance_transaction"] is None) == (charge["status"] == "failed")
        assert charge["balance_transaction"] is None or balance[charge["balance_transaction"]]["source"] == charge["id"]
        assert charge["created"] >= invoices[charge["invoice"]]["created"]
    for intent in intents.values():
        assert intent["latest_charge"] is None or charges[intent["latest_charge"]]["payment_intent"] == intent["id"]
    for refund in written.jsonl("stripe/refunds.jsonl.gz"):
        assert charges[refund["charge"]]["created"] < refund["created"]
        assert balance[refund["balance_transaction"]]["amount"] == -refund["amount"]
    for dispute in written.jsonl("stripe/disputes.jsonl"):
        assert charges[dispute["charge"]]["disputed"]
        assert {b["id"] for b in dispute["balance_transactions"]} <= balance.keys()
    returned = defaultdict(int)
    for refund in written.jsonl("stripe/refunds.jsonl.gz"):
        returned[refund["charge"]] += refund["amount"]
    assert all(charge["amount_refunded"] == returned[id] <= charge["amount"] for id, charge in charges.items())


def test_the_balance_ties_to_payments_refunds_and_disputes(written: Any) -> None:
    booked: dict[tuple[str, str], int] = defaultdict(int)
    for entry in written.jsonl("stripe/balance_transactions-*"):
        assert entry["net"] == entry["amount"] - entry["fee"]
        booked[entry["currency"], entry["type"]] += entry["amount"]
    expected: dict[tuple[str, str], int] = defaultdict(int)
    for name, sign, kind in (("payments", 1, "charge"), ("refunds", -1, "refund")):
        truth = written.truth(f"{name}.parquet").filter(pl.col("provider") == "stripe")
        if name == "payments":
            truth = truth.filter(pl.col("status") == "succeeded")
        for currency, amount in truth.group_by("currency").agg(pl.col("amount_minor").sum()).iter_rows():
            expected[currency, kind] += sign * amount
    for currency, status, amount in (
        written.truth("disputes.parquet").select("currency", "status", "amount_minor").iter_rows()
    ):
        expected[currency, "adjustment"] += 0 if status == "won" else -amount
    assert {k: v for k, v in booked.items() if k[1] != "payout" and v} == {k: v for k, v in expected.items() if v}


def test_payments_are_the_truth(written: Any) -> None:
    truth = written.truth("payments.parquet").filter(pl.col("provider") == "stripe")
    told = {(c["id"], c["customer"], c["status"], c["currency"], c["amount"], c["created"]) for c in written.charges}
    known = truth.select(
        "payment_id", "customer_id", "status", "currency", "amount_minor", pl.col("paid_at").dt.epoch("s")
    )
    assert told == set(known.iter_rows())


def test_nothing_lies_outside_the_window_and_no_event_before_its_cause(written: Any) -> None:
    start, end = written.options.start, written.options.end
    assert all(start <= e["created"] < end for e in written.events)
    assert len({e["id"] for e in written.events}) == len(written.events)
    for event in written.events:
        seen = event["data"]["object"]
        assert seen["created"] <= event["created"]
        if event["type"] == "invoice.paid":
            assert seen["status"] == "paid"
            assert seen["status_transitions"]["paid_at"] == event["created"]
        if event["type"] == "invoice.payment_failed":
            assert seen["status"] == "open"
    late = datetime.fromtimestamp(end, UTC) - timedelta(days=1)
    assert max(e["created"] for e in written.events) >= late.timestamp() - 7 * 86_400
