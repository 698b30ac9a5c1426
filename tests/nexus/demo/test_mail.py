"""SES and SendGrid events have the providers' fields; the published rules alone give back the truth."""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime
from typing import Any

import polars as pl

SCANNERS = ("Barracuda", "Proofpoint", "Mimecast", "SafeLinks")
FLAGS = (
    "is_delivered",
    "is_deferred",
    "is_bounced_hard",
    "is_bounced_soft",
    "is_dropped",
    "is_opened_human",
    "is_opened_machine",
    "is_clicked_human",
    "is_clicked_scanner",
    "is_complained",
    "is_unsubscribed",
)
SES_KEYS = {
    "Send": "send",
    "Delivery": "delivery",
    "Bounce": "bounce",
    "Complaint": "complaint",
    "Open": "open",
    "Click": "click",
    "DeliveryDelay": "deliveryDelay",
}


def is_scanner(agent: str) -> bool:
    return any(name in agent for name in SCANNERS)


def is_machine(agent: str) -> bool:
    return agent == "Mozilla/5.0" or "GoogleImageProxy" in agent


def ses(written: Any) -> list[tuple[str, float, str, dict[str, Any]]]:
    """Message, moment, flag and body of every SES record."""
    found = []
    for record in written.jsonl("email_events/ses-*"):
        kind, mail = record["eventType"], record["mail"]
        body = record[SES_KEYS[kind]]
        assert mail["destination"] == mail["commonHeaders"]["to"]
        at = datetime.fromisoformat(body.get("timestamp", mail["timestamp"])).timestamp()
        agent = body.get("userAgent", "")
        flag = {
            "Send": "sent",
            "Delivery": "is_delivered",
            "DeliveryDelay": "is_deferred",
            "Complaint": "is_complained",
            "Bounce": "is_bounced_hard" if body.get("bounceType") == "Permanent" else "is_bounced_soft",
            "Open": "is_opened_machine" if is_machine(agent) else "is_opened_human",
            "Click": "is_clicked_scanner" if is_scanner(agent) else "is_clicked_human",
        }[kind]
        found.append((mail["messageId"], at, flag, body))
    return found


def sendgrid(written: Any) -> list[tuple[str, float, str, dict[str, Any]]]:
    found = []
    for event in (e for page in written.documents("email_events/sendgrid-*") for e in page):
        flag = {
            "processed": "sent",
            "delivered": "is_delivered",
            "deferred": "is_deferred",
            "dropped": "is_dropped",
            "spamreport": "is_complained",
            "unsubscribe": "is_unsubscribed",
            "bounce": "is_bounced_hard" if event.get("type") == "bounce" else "is_bounced_soft",
            "open": "is_opened_machine" if event.get("sg_machine_open") else "is_opened_human",
            "click": "is_clicked_scanner" if is_scanner(event.get("useragent", "")) else "is_clicked_human",
        }[event["event"]]
        found.append((event["sg_message_id"], event["timestamp"], flag, event))
    return found


def test_the_published_rules_give_back_the_truth(written: Any) -> None:
    seen: dict[str, set[str]] = defaultdict(set)
    for message, _, flag, _ in [*ses(written), *sendgrid(written)]:
        seen[message].add(flag)
    truth = written.truth("email_messages.parquet")
    assert truth["message_id"].n_unique() == truth.height
    for row in truth.iter_rows(named=True):
        assert seen.pop(row["message_id"]) - {"sent"} == {flag for flag in FLAGS if row[flag]}
    assert not seen
    for flag in FLAGS:
        assert truth[flag].any(), f"{flag} never happens"


def test_people_act_after_a_minute_and_scanners_within_seconds(written: Any) -> None:
    messages: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for message, at, flag, _ in [*ses(written), *sendgrid(written)]:
        assert written.options.start <= at < written.options.end
        messages[message][flag].append(at)
    for seen in messages.values():
        delivered = seen.get("is_delivered", [0])[0]
        for flag in ("is_opened_human", "is_clicked_human", "is_unsubscribed"):
            assert all(at - delivered >= 60 for at in seen.get(flag, []))
        assert all(at - delivered <= 10 for at in seen.get("is_clicked_scanner", []))
        assert len(seen.get("is_clicked_scanner", [])) in (0, 3)
        for flag, moments in seen.items():
            assert (
                flag == "is_deferred" or not delivered or flag in ("sent", "is_delivered") or min(moments) > delivered
            )


def test_sendgrid_events_have_their_ids_and_unique_arguments(written: Any) -> None:
    events = [e for page in written.documents("email_events/sendgrid-*") for e in page]
    assert len({e["sg_event_id"] for e in events}) == len(events)
    users = dict(written.truth("users.parquet").select("email", "user_id").iter_rows())
    known = {r["message_id"]: r for r in written.truth("email_messages.parquet").iter_rows(named=True)}
    for event in events:
        truth = known[event["sg_message_id"]]
        assert users[event["email"]] == truth["user_id"]
        assert (event["campaign_id"], event["arm"]) == (truth["campaign_id"], truth["arm_code"])
        assert event["email"].endswith(".example")


def test_nobody_who_left_the_list_gets_campaigns(written: Any) -> None:
    gone: dict[str, float] = {}
    for _, at, flag, event in sorted(sendgrid(written), key=lambda row: row[1]):
        if flag in ("is_unsubscribed", "is_complained", "is_bounced_hard"):
            gone.setdefault(event["email"], at)
        if flag == "is_delivered" and event["email"] in gone:
            # it was on its way, or the opt-out came by the mail before
            assert at - gone[event["email"]] < 40 * 86_400


def test_a_campaign_lifts_sign_ins(written: Any) -> None:
    mail = written.truth("email_messages.parquet").filter((pl.col("category") == "campaign") & pl.col("is_delivered"))
    at = {}
    for message, moment, flag, _ in sendgrid(written):
        if flag == "is_opened_human":
            at[message] = moment
    logins: dict[str, list[float]] = defaultdict(list)
    for event in written.log:
        if event["eventType"] == "user.session.start" and event["outcome"]["result"] == "SUCCESS":
            logins[event["actor"]["id"]].append(datetime.fromisoformat(event["published"]).timestamp())
    before = after = 0
    for message, user in mail.select("message_id", "user_id").iter_rows():
        if message in at:
            # the same weekdays a week earlier
            after += sum(0 < t - at[message] <= 2 * 86_400 for t in logins[user])
            before += sum(0 < t - at[message] + 7 * 86_400 <= 2 * 86_400 for t in logins[user])
    assert after > 1.3 * before
