"""Stripe: every resource of the contract parses; lists, embedded records and older and newer API versions too."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path

import pytest

from orchestration.sources.stripe.contract import SOURCE

RESOURCES = (
    "customer", "product", "price", "subscription", "subscription_item", "invoice", "charge", "payment_intent",
    "refund", "dispute", "balance_transaction", "event", "invoice_payment",
)  # fmt: skip


@pytest.fixture
def resources(real_data: Path) -> dict[str, dict[str, object]]:
    found: dict[str, dict[str, object]] = json.loads((real_data / "payments" / "stripe_fixtures.json").read_text())[
        "resources"
    ]
    return found


@pytest.mark.parametrize("name", RESOURCES)
def test_published_example_of_a_resource_parses(name: str, resources, parse) -> None:
    resource = {**resources[name], "field_of_next_year": {"a": [1]}}
    parsed = parse(SOURCE, {f"{name}.jsonl": json.dumps(resource)})
    assert parsed.bad == []
    row = parsed.one(name)
    assert row["id"] == resource["id"]
    assert json.loads(row["_extra"])["field_of_next_year"] == {"a": [1]}
    if "created" in resource:
        assert isinstance(row["created_at"], datetime)


def test_lines_of_an_invoice_example(resources, parse) -> None:
    line = {**resources["line_item"], "id": "il_alone"}
    parsed = parse(SOURCE, {"invoice.json": json.dumps(resources["invoice"]), "line.json": json.dumps(line)})
    inside, alone = parsed.rows["invoice_line"]
    assert (inside["id"], inside["customer_id"]) == ("il_1Pgc6sB7WZ01zgkWFnxLrLCq", resources["invoice"]["customer"])
    assert alone["id"] == "il_alone"
    assert parsed.bad == []


def test_a_line_of_a_preview_is_no_record(resources, parse) -> None:
    parsed = parse(SOURCE, {"line.json": json.dumps(resources["line_item"])})
    assert parsed.rows["invoice_line"] == []
    ((_, reason, raw),) = parsed.bad
    assert reason == "'line_item of a preview' is not part of the stripe contract"
    assert json.loads(raw)["id"].startswith("il_tmp_")


def test_every_published_resource_is_read_or_named(resources, parse) -> None:
    parsed = parse(SOURCE, {"all.jsonl": "\n".join(map(json.dumps, resources.values()))})
    named = [reason.split("'")[1] for _, reason, _ in parsed.bad]
    assert {reason for _, reason, _ in parsed.bad} == {f"'{k}' is not part of the stripe contract" for k in named}
    assert not {*RESOURCES, "line_item"} & set(named)
    assert {"payout", "line_item of a preview"} <= set(named)
    stubs = [r for r in resources.values() if r.get("deleted")]
    assert {r["id"] for r in parsed.rows["deleted_object"]} == {str(r["id"]) for r in stubs}


def test_the_published_examples_are_read_as_they_are_published(resources, parse) -> None:
    parsed = parse(SOURCE, {"fixtures.json": json.dumps({"resources": resources}, indent=1)})
    whole = [r for r in resources.values() if not r.get("deleted") and r["object"] in RESOURCES]
    assert len(whole) + len(parsed.rows["deleted_object"]) + len(parsed.bad) == len(resources) == 176
    assert {str(r["id"]) for r in whole} <= {row["id"] for rows in parsed.rows.values() for row in rows}


def test_a_list_page_gives_its_elements(fixtures) -> None:
    assert [p["id"] for p in fixtures(SOURCE).rows["product"]] == ["prod_team", "prod_old"]


def test_a_deleted_customer_does_not_replace_the_customer(fixtures) -> None:
    parsed = fixtures(SOURCE)
    assert parsed.rows["customer"] == []
    assert parsed.one("deleted_object")["object_type"] == "customer"


def test_changes_of_a_subscription_are_read_out_of_events(fixtures) -> None:
    parsed = fixtures(SOURCE)
    assert len(parsed.rows["event"]) == 3
    made, updated = parsed.rows["subscription_change"]
    assert (made["id"], made["event_type"], made["status"]) == ("evt_1", "customer.subscription.created", "active")
    assert made["changed_at"] == datetime(2023, 11, 14, 22, 13, 20)
    assert (updated["status"], updated["previous_status"]) == ("past_due", "active")


def test_items_of_a_change(fixtures) -> None:
    items = fixtures(SOURCE).rows["subscription_change_item"]
    assert [(i["id"], i["item_id"], i["quantity"], i["unit_amount_minor"], i["interval_code"]) for i in items] == [
        ("evt_1/si_1", "si_1", 5, 2000, "month"),
        ("evt_2/si_1", "si_1", 7, 2000, "month"),
        ("evt_2/si_2", "si_2", 1, 500, "month"),
    ]


def test_billing_period_before_and_after_it_moved_to_the_items(fixtures) -> None:
    changes = fixtures(SOURCE).rows["subscription_change"]
    assert [c["current_period_end_at"] for c in changes] == [datetime(2023, 12, 14, 22, 13, 20)] * 2


def test_an_invoice_before_and_after_its_links_moved(fixtures) -> None:
    old, new = fixtures(SOURCE).rows["invoice"]
    assert (old["subscription_id"], old["charge_id"], old["payment_intent_id"]) == ("sub_1", "ch_1", "pi_1")
    assert (new["subscription_id"], new["charge_id"], new["payment_intent_id"]) == ("sub_1", None, "pi_2")


def test_a_line_before_and_after_its_price_moved(fixtures) -> None:
    old, new = fixtures(SOURCE).rows["invoice_line"]
    names = (
        "invoice_id",
        "customer_id",
        "subscription_id",
        "subscription_item_id",
        "price_id",
        "product_id",
        "is_proration",
    )
    assert [old[n] for n in names] == ["in_old", "cus_1", "sub_1", "si_1", "price_a", "prod_team", False]
    assert [new[n] for n in names] == ["in_new", "cus_1", "sub_1", "si_2", "price_b", "prod_team", True]
    assert (old["unit_amount_decimal"], new["unit_amount_decimal"]) == (2000, 500)


def test_a_payment_link_inside_an_invoice(fixtures) -> None:
    row = fixtures(SOURCE).one("invoice_payment")
    assert (row["invoice_id"], row["payment_intent_id"], row["amount_paid_minor"]) == ("in_new", "pi_2", 3500)


def test_what_breaks_the_contract_says_why(fixtures) -> None:
    bad = fixtures(SOURCE).bad
    assert ("charge", 'amount_minor: expected integer, found "a lot"') in [(t, r) for t, r, _ in bad]
    assert any(reason == "'payout' is not part of the stripe contract" and "po_1" in raw for _, reason, raw in bad)
    assert len(bad) == 2
