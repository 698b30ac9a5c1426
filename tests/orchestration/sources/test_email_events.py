"""E-mail events: every event type of SES, SendGrid as arrays and as lines, raw as they came."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path

import pytest

from orchestration.sources.email_events.contract import SOURCE

SOURCES = Path(__file__).resolve().parents[3] / "orchestration" / "sources"


@pytest.fixture
def ses(fixtures) -> dict[str, list[dict[str, object]]]:
    by_type: dict[str, list[dict[str, object]]] = {}
    for row in fixtures(SOURCE).rows["ses_event"]:
        by_type.setdefault(row["event_type"], []).append(row)
    return by_type


def test_every_event_type_of_ses_is_read(ses) -> None:
    assert {k: len(v) for k, v in ses.items()} == {
        "Send": 1, "Delivery": 2, "Bounce": 2, "Complaint": 1, "Reject": 1, "Open": 2, "Click": 1,
        "Rendering Failure": 1, "DeliveryDelay": 1, "Subscription": 1,
    }  # fmt: skip
    rows = [row for found in ses.values() for row in found]
    assert len({row["id"] for row in rows}) == len(rows)
    assert all(row["message_id"] and row["event_at"] for row in rows)


def test_an_event_has_its_own_time(ses) -> None:
    assert ses["Send"][0]["event_at"] == datetime(2026, 10, 8, 8, 53, 20)
    assert ses["Open"][0]["event_at"] == datetime(2026, 10, 8, 10, 0, 0, 123000)


def test_a_delivery_to_two_is_two_rows(ses) -> None:
    assert [row["recipient_email"] for row in ses["Delivery"]] == ["r@example.com", "s@example.com"]


def test_an_open_of_a_message_to_two_is_nobodys(ses) -> None:
    assert [row["recipient_email"] for row in ses["Open"]] == ["r@example.com", None]


def test_what_staging_needs_to_judge_an_event(ses) -> None:
    hard, soft = ses["Bounce"]
    assert (hard["bounce_type"], hard["smtp_status"]) == ("Permanent", "5.1.1")
    assert (soft["bounce_type"], soft["bounce_sub_type"], soft["recipient_email"]) == (
        "Transient",
        "MailboxFull",
        "t@example.com",
    )
    assert "GoogleImageProxy" in ses["Open"][0]["user_agent"]
    assert (ses["Click"][0]["url"], ses["Click"][0]["campaign_id"]) == ("https://example.com/invoice", "cmp_9")
    assert (ses["DeliveryDelay"][0]["delay_type"], ses["Complaint"][0]["complaint_feedback_type"]) == (
        "MailboxFull",
        "abuse",
    )
    assert ses["Subscription"][0]["is_unsubscribed_from_all"] is True
    assert (ses["Send"][0]["template_name"], ses["Send"][0]["configuration_set"]) == ("receipt", "events")


def test_sendgrid_arrays(fixtures) -> None:
    rows = {row["id"]: row for row in fixtures(SOURCE).rows["sendgrid_event"]}
    assert list(rows) == ["ev1", "ev2", "ev3", "ev4"]
    assert rows["ev1"]["event_at"] == datetime(2025, 10, 9, 8, 53, 20)
    assert (rows["ev1"]["campaign_id"], rows["ev1"]["arm_code"], rows["ev1"]["subject"]) == ("cmp_1", "a", "Hello")
    assert [json.loads(rows[i]["category"]) for i in ("ev1", "ev2")] == [["newsletter", "spring"], "newsletter"]
    assert json.loads(rows["ev1"]["_extra"]) == {"custom_of_mine": 7}
    assert rows["ev2"]["is_machine_open"] is True
    assert (rows["ev3"]["bounce_kind"], rows["ev3"]["smtp_status"]) == ("blocked", "5.1.1")
    assert rows["ev4"]["url"] == "https://example.com/?a=1&b=2"


def test_sendgrid_lines_give_the_same_as_the_array(fixtures, parse) -> None:
    array = fixtures(SOURCE).rows["sendgrid_event"]
    lines = "\n".join(
        json.dumps(e) for e in json.loads((SOURCES / "email_events" / "fixtures" / "sendgrid.json").read_text())
    )
    rows = parse(SOURCE, {"sendgrid.jsonl.gz": lines}).rows["sendgrid_event"]
    assert [row["_record_hash"] for row in rows] == [row["_record_hash"] for row in array]


def test_sendgrids_logs_answer_by_the_message(fixtures) -> None:
    rows = {row["id"]: row for row in fixtures(SOURCE).rows["sendgrid_log_event"]}
    assert [(i, row["event_type"]) for i, row in rows.items()] == [
        ("lv1", "processed"), ("lv2", "deferred"), ("lv3", "delivered"), ("lv4", "open"),
    ]  # fmt: skip
    assert {(r["subject"], r["template_id"], r["customer_id"], r["recipient_email"]) for r in rows.values()} == {
        ("Hello", "d-1", "42", "e@example.com"), ("Hello", "d-1", None, "e@example.com"),
    }  # fmt: skip
    assert (rows["lv1"]["campaign_id"], rows["lv4"]["campaign_id"]) == ("cmp_1", "cmp_2"), "the event's own come first"
    assert (rows["lv4"]["is_machine_open"], rows["lv3"]["is_tls"], rows["lv2"]["attempt"]) == (True, True, 0)


def test_an_event_without_id_goes_to_quarantine(fixtures) -> None:
    ((table, reason, raw),) = fixtures(SOURCE).bad
    assert (table, "id: required, but missing" in reason, "d@example.com" in raw) == ("sendgrid_event", True, True)


def test_mailgun_as_its_api_answers_and_as_its_webhook_posts(fixtures) -> None:
    rows = sorted(fixtures(SOURCE).rows["mailgun_event"], key=lambda row: row["event_at"])
    assert [r["event_type"] for r in rows] == ["accepted", "failed", "delivered", "opened", "failed", "clicked"]
    assert rows[0]["id"] == "2026-02-03/CCXMjJ7nQi2N3BPigGOdgQ"
    assert rows[0]["event_at"] == datetime(2026, 2, 3, 19, 26, 38, 372891)
    assert (rows[0]["campaign_id"], rows[0]["arm_code"], rows[0]["customer_id"]) == ("cmp_9", "b", "42")
    assert (rows[1]["severity"], rows[1]["attempt"], rows[1]["smtp_status"]) == ("temporary", 1, "4.7.0")
    assert (rows[3]["bot_name"], rows[5]["url"]) == ("apple", "https://example.com/invoice")


def test_postmark_names_the_time_of_each_kind_differently(fixtures) -> None:
    rows = fixtures(SOURCE).rows["postmark_event"]
    assert [(r["event_type"], r["event_at"].minute, r["recipient_email"]) for r in rows] == [
        ("Delivery", 0, "P@example.com"), ("Open", 5, "p@example.com"), ("Click", 6, "p@example.com"),
        ("Bounce", 28, "full@example.com"), ("SubscriptionChange", 53, "p@example.com"),
    ]  # fmt: skip
    assert rows[0]["event_at"] == datetime(2026, 2, 4, 14, 0, 0, 273539), "nine o'clock at -0500"
    assert len({r["id"] for r in rows}) == 5
    assert (rows[3]["bounce_type"], rows[3]["bounce_id"], rows[4]["suppression_reason"]) == (
        "SoftBounce",
        42,
        "ManualSuppression",
    )
