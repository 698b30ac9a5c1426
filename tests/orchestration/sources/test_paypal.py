"""PayPal: fixtures of own making, held to PayPal's published schemas, and examples generated from these."""

from __future__ import annotations

import json
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from orchestration.sources.paypal.contract import SOURCE

FIXTURES = Path(__file__).resolve().parents[3] / "orchestration" / "sources" / "paypal" / "fixtures"


class Spec:
    """A published OpenAPI file: examples of a schema, and whether a document is one."""

    def __init__(self, path: Path) -> None:
        self.document = json.loads(path.read_text())

    def resolve(self, schema: dict[str, Any]) -> dict[str, Any]:
        if "$ref" in schema:
            return self.resolve(self.document["components"]["schemas"][schema["$ref"].rsplit("/", 1)[-1]])
        if "allOf" in schema:
            merged: dict[str, Any] = {"type": "object", "properties": {}}
            for part in [*schema["allOf"], {k: v for k, v in schema.items() if k != "allOf"}]:
                merged["properties"] |= self.resolve(part).get("properties", {})
            return merged
        return schema

    def example(self, schema: dict[str, Any], depth: int = 0) -> Any:
        """A document with every property, `enum` and pattern of dates, ids, codes and money respected."""
        schema = self.resolve(schema)
        if "enum" in schema:
            return schema["enum"][0]
        kind = schema.get("type", "object" if "properties" in schema else "string")
        if kind == "object":
            deeper = schema.get("properties", {}).items() if depth < 9 else ()
            return {name: self.example(part, depth + 1) for name, part in deeper}
        if kind == "array":
            return [self.example(schema["items"], depth + 1)]
        if kind in ("integer", "number"):
            return max(1, schema.get("minimum", 1))
        if kind == "boolean":
            return True
        pattern = schema.get("pattern", "")
        if "T,t" in pattern or schema.get("format") == "date-time":
            return "2026-03-01T09:00:00Z"
        if "[.][0-9]+" in pattern:
            return "-12.34"
        if "@" in pattern or "email" in schema.get("format", ""):
            return "payer@example.com"
        if "0-9" in pattern and "a-z" not in pattern.lower():
            return "1"
        return "X" * max(schema.get("minLength", 1), 1 if schema.get("maxLength", 9) < 3 else 3)

    def validator(self, name: str) -> Any:
        from jsonschema import Draft202012Validator

        return Draft202012Validator({"$ref": f"#/components/schemas/{name}", **self.document})


@pytest.fixture
def spec(real_data: Path) -> Any:
    return lambda name: Spec(real_data / "payments" / "paypal_openapi" / f"{name}.json")


def test_transactions_of_the_published_schema_parse(spec, parse) -> None:
    api = spec("reporting_transactions_v1")
    page = api.example({"$ref": "#/components/schemas/search_response"})
    page["transaction_details"][0]["of_next_year"] = 1
    parsed = parse(SOURCE, {"page.json": json.dumps(page)})
    assert parsed.bad == []
    row = parsed.one("transaction")
    info = page["transaction_details"][0]["transaction_info"]
    assert row["id"] == f"{info['transaction_id']}/{info['transaction_event_code']}"
    assert row["amount_value"] == Decimal("-12.34")
    assert row["initiated_at"] == datetime(2026, 3, 1, 9)
    assert json.loads(row["_extra"])["of_next_year"] == 1
    missing = [c.name for c in SOURCE.table("transaction").columns if row[c.name] is None]
    assert missing == [], "the contract reads fields that PayPal does not publish"


def test_subscriptions_of_the_published_schema_parse(spec, parse) -> None:
    api = spec("billing_subscriptions_v1")
    document = {**api.example({"$ref": "#/components/schemas/subscription"}), "quantity": "20"}
    parsed = parse(
        SOURCE,
        {"one.json": json.dumps(document), "page.json": json.dumps({"subscriptions": [{**document, "id": "I-2"}]})},
    )
    assert parsed.bad == []
    row = parsed.rows["subscription"][0]
    assert (row["status"], row["interval_unit"], row["price_value"]) == ("APPROVAL_PENDING", "DAY", Decimal("-12.34"))
    missing = [c.name for c in SOURCE.table("subscription").columns if row[c.name] is None]
    assert missing == [], "the contract reads fields that PayPal does not publish"
    assert len(parsed.rows["subscription"]) == 2


def test_payouts_of_the_published_schema_parse(spec, parse) -> None:
    api = spec("payments_payouts_batch_v1")
    document = api.example({"$ref": "#/components/schemas/payout_batch"})
    for money in (document["items"][0]["payout_item"]["amount"], document["items"][0]["payout_item_fee"]):
        money["value"] = "9.87"
    parsed = parse(SOURCE, {"payouts.json": json.dumps([document])})
    assert parsed.bad == []
    row = parsed.one("payout_item")
    missing = [c.name for c in SOURCE.table("payout_item").columns if row[c.name] is None]
    assert missing == [], "the contract reads fields that PayPal does not publish"


@pytest.mark.parametrize(
    ("api", "schema", "file", "skip"),
    [
        ("billing_subscriptions_v1", "subscription", "subscriptions.jsonl", {"I-ODD"}),
        ("payments_payouts_batch_v1", "payout_batch", "payouts.json", set()),
    ],
)
def test_fixtures_are_what_paypal_would_write(api: str, schema: str, file: str, skip: set[str], spec) -> None:
    text = (FIXTURES / file).read_text()
    documents = [json.loads(line) for line in text.splitlines()] if file.endswith("l") else [json.loads(text)]
    validator = spec(api).validator(schema)
    for document in documents:
        if document.get("id") not in skip:
            assert [e.message for e in validator.iter_errors(document)] == []


def test_money_stays_as_paypal_writes_it(fixtures) -> None:
    row = next(r for r in fixtures(SOURCE).rows["transaction"] if r["event_code"] == "T0002")
    assert (row["amount_value"], row["amount_currency_code"], row["fee_value"]) == (Decimal(1200), "JPY", Decimal(-76))


def test_times_with_an_offset_become_utc(fixtures) -> None:
    row = next(r for r in fixtures(SOURCE).rows["transaction"] if r["event_code"] == "T0002")
    assert row["initiated_at"] == datetime(2026, 3, 1, 9)


def test_two_entries_may_share_a_transaction_id(fixtures) -> None:
    rows = fixtures(SOURCE).rows["transaction"]
    assert [r["id"] for r in rows] == ["5TY05013RG002845M/T0002", "5TY05013RG002845M/T0400"]


def test_a_subscription_costs_its_regular_cycle(fixtures) -> None:
    first, bare = fixtures(SOURCE).rows["subscription"]
    assert (first["price_value"], first["interval_unit"], first["interval_count"], first["quantity"]) == (
        25,
        "MONTH",
        3,
        20,
    )
    assert (bare["id"], bare["price_value"], bare["interval_unit"]) == ("I-WITHOUTPLAN1", None, None)


def test_items_of_a_payout_know_their_batch(fixtures) -> None:
    paid, unclaimed = fixtures(SOURCE).rows["payout_item"]
    assert (paid["sender_batch_id"], paid["batch_status"], paid["amount_currency_code"]) == (
        "affiliates_2026_01",
        "SUCCESS",
        "USD",
    )
    assert (unclaimed["error_code"], unclaimed["transaction_id"]) == ("RECEIVER_UNREGISTERED", None)


def test_what_breaks_the_contract_says_why(fixtures) -> None:
    reasons = [reason for _, reason, _ in fixtures(SOURCE).bad]
    assert any("id: required, but missing" in r and "transaction_id: required, but missing" in r for r in reasons)
    assert any('status: "ON_HOLIDAY" is none of' in r for r in reasons)
    assert len(reasons) == 2
