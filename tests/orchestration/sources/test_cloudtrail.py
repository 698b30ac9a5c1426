"""CloudTrail: log files, records alone and answers of lookup-events; digests are named, unknown fields survive."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path

from nexus.settings import Settings
from orchestration.sources.cloudtrail.contract import SOURCE
from warehouse.land import land
from warehouse.land.sql import staging


def test_records_of_every_form(fixtures) -> None:
    rows = fixtures(SOURCE).rows["event"]
    assert sorted(r["id"] for r in rows) == ["e1", "e2", "e3", "e3", "e4", "e5", "e7"]


def test_a_call_that_was_denied(fixtures) -> None:
    row = next(r for r in fixtures(SOURCE).rows["event"] if r["id"] == "e2")
    assert row["occurred_at"] == datetime(2026, 2, 17, 10, 6)
    assert (row["event_source"], row["event_name"], row["error_code"]) == (
        "iam.amazonaws.com", "AttachRolePolicy", "AccessDenied",
    )  # fmt: skip
    assert (row["actor_type"], row["role_name"], row["is_session_mfa"]) == ("AssumedRole", "admin", True)
    assert json.loads(row["request_parameters"])["roleName"] == "app"
    assert (row["is_read_only"], row["response_elements"]) == (False, None)


def test_an_event_of_a_service_has_no_actor(fixtures) -> None:
    row = next(r for r in fixtures(SOURCE).rows["event"] if r["id"] == "e5")
    assert (row["actor_id"], row["invoked_by"], row["event_type"]) == (None, "kms.amazonaws.com", "AwsServiceEvent")
    assert json.loads(row["_extra"])["newField"] == {"a": 1}


def test_what_is_no_record_is_named(fixtures) -> None:
    reasons = {reason for _, reason, _ in fixtures(SOURCE).bad}
    assert "'digest' is not part of the cloudtrail contract" in reasons
    assert "no table of source cloudtrail takes this document" in reasons
    assert any('occurred_at: expected timestamp (iso), found "yesterday"' in reason for reason in reasons)
    assert len(fixtures(SOURCE).bad) == 3


def test_a_record_that_two_trails_deliver_lands_once(settings: Settings) -> None:
    folder = Path(__file__).resolve().parents[3] / "orchestration" / "sources" / "cloudtrail" / "fixtures"
    report = land(SOURCE, [folder], "aws", settings)
    assert report.total.as_dict() == {"read": 10, "landed": 6, "duplicate": 1, "quarantined": 3}
    assert report.outside == {"digest": 1}


def test_the_real_hour(real_data: Path, stage_files) -> None:
    stage = stage_files(SOURCE, [real_data / "iam" / "aws_cloudtrail.jsonl.gz"])
    found = stage.run(
        f"select count(*), count(distinct id), min(occurred_at), max(occurred_at), count(_reason) "
        f"from {staging(SOURCE.table('event'))}"
    )
    assert found == [(2_900, 2_900, datetime(2023, 7, 10, 11, 42, 18), datetime(2023, 7, 10, 12, 37, 50), 0)]
