"""@@title: @@words records, what the contract does not name, what it refuses."""

from __future__ import annotations

import json
from datetime import datetime

from orchestration.sources.@@name.contract import SOURCE


def test_a_record(fixtures) -> None:
    first, _ = sorted(fixtures(SOURCE).rows["@@entity"], key=lambda row: row["id"])
    assert (first["id"], first["status_code"], first["amount_minor"], first["currency"]) == ("a1", "open", 1250, "eur")
    assert (first["customer_id"], first["customer_email"]) == ("c1", "ada@example.com")
    assert (first["created_at"], first["updated_at"]) == (datetime(2026, 1, 2, 3, 4, 5), datetime(2026, 2, 1))


def test_times_are_utc_and_unknown_fields_are_kept(fixtures) -> None:
    _, second = sorted(fixtures(SOURCE).rows["@@entity"], key=lambda row: row["id"])
    assert second["created_at"] == datetime(2026, 1, 2, 23)
    assert json.loads(second["_extra"])["colour"] == "green"


def test_a_value_outside_its_list_goes_to_quarantine(fixtures) -> None:
    ((table, reason, raw),) = fixtures(SOURCE).bad
    assert table == "@@entity"
    assert "status_code" in reason
    assert json.loads(raw)["id"] == "a3"
