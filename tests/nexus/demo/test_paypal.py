"""The PayPal export is valid against PayPal's published OpenAPI schemas and agrees with the truth."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl
import pytest

SCHEMAS = Path(__file__).parents[4] / "shared" / "data" / "payments" / "paypal_openapi"


def validator(file: str, schema: str) -> Any:
    if not SCHEMAS.is_dir():
        pytest.skip(f"PayPal's OpenAPI files are not at {SCHEMAS}: a clone of the project alone does not have them")
    from jsonschema import Draft202012Validator

    document = json.loads((SCHEMAS / file).read_text())
    return Draft202012Validator({"$ref": f"#/components/schemas/{schema}", "components": document["components"]})


@pytest.mark.parametrize(
    ("pattern", "file", "schema"),
    [
        ("paypal/transactions-*.json", "reporting_transactions_v1.json", "search_response"),
        ("paypal/payouts.json", "payments_payouts_batch_v1.json", "payout_batch"),
        ("paypal/subscriptions.jsonl", "billing_subscriptions_v1.json", "subscription"),
    ],
)
def test_documents_are_valid_against_the_published_schema(written: Any, pattern: str, file: str, schema: str) -> None:
    check = validator(file, schema)
    if pattern.endswith("jsonl"):
        documents = list(written.jsonl(pattern))
    else:
        documents = [d for page in written.documents(pattern) for d in (page if isinstance(page, list) else [page])]
    assert documents
    for document in documents:
        problems = [f"{list(e.absolute_path)}: {e.message[:200]}" for e in check.iter_errors(document)]
        assert not problems


def details(written: Any) -> list[dict[str, Any]]:
    return [d for page in written.documents("paypal/transactions-*.json") for d in page["transaction_details"]]


def minor(money: dict[str, str]) -> int:
    return int(Decimal(money["value"]) * (1 if money["currency_code"] == "JPY" else 100))


def test_payments_and_refunds_are_the_truth(written: Any) -> None:
    payer = dict(written.truth("customers.parquet").select("payer_id", "customer_id").iter_rows())
    told = {"T0002": set(), "T1107": set()}  # type: ignore[var-annotated]
    for detail in details(written):
        info = detail["transaction_info"]
        if info["transaction_event_code"] in told:
            amount = info["transaction_amount"]
            status = {"S": "succeeded", "D": "failed"}[info["transaction_status"]]
            customer = payer[detail["payer_info"]["account_id"]]
            row = (info["transaction_id"], customer, status, amount["currency_code"].lower(), minor(amount))
            told[info["transaction_event_code"]].add(row)
    paid = written.truth("payments.parquet").filter(pl.col("provider") == "paypal")
    assert told["T0002"] == set(
        paid.select("payment_id", "customer_id", "status", "currency", "amount_minor").iter_rows()
    )
    back = written.truth("refunds.parquet").filter(pl.col("provider") == "paypal")
    assert {(r[0], r[1], r[3], -r[4]) for r in told["T1107"]} == set(
        back.select("refund_id", "customer_id", "currency", "amount_minor").iter_rows()
    )


def test_a_payment_names_its_subscription_and_a_refund_its_payment(written: Any) -> None:
    subscriptions = {s["id"].replace("-", ""): s for s in written.jsonl("paypal/subscriptions.jsonl")}
    ids = {d["transaction_info"]["transaction_id"] for d in details(written)}
    for detail in details(written):
        info = detail["transaction_info"]
        if info["transaction_event_code"] == "T0002":
            sub = subscriptions[info["paypal_reference_id"]]
            assert sub["subscriber"]["payer_id"] == detail["payer_info"]["account_id"]
            assert sub["start_time"] <= info["transaction_initiation_date"].replace("+00:00", "Z")
        elif info["transaction_event_code"] == "T1107":
            assert info["paypal_reference_id"] in ids


def test_payers_are_owners_under_another_spelling(written: Any) -> None:
    owners = written.truth("users.parquet").filter("is_owner").select("customer_id", "email")
    login = dict(owners.iter_rows())
    known = written.truth("customers.parquet")
    payers = dict(known.select("payer_id", "customer_id").iter_rows())
    spelled = {
        s["subscriber"]["payer_id"]: s["subscriber"]["email_address"]
        for s in written.jsonl("paypal/subscriptions.jsonl")
    }
    assert all(email.lower() == login[payers[payer]] for payer, email in spelled.items())
    assert any(email != email.lower() for email in spelled.values())
