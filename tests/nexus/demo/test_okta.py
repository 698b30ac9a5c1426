"""The Okta export: System Log events with the documented fields, users, groups; and the burst among them."""

from __future__ import annotations

import ipaddress
from collections import Counter, defaultdict
from datetime import datetime, timedelta
from typing import Any

LOG_EVENT = {
    "actor",
    "client",
    "authenticationContext",
    "displayMessage",
    "eventType",
    "outcome",
    "published",
    "securityContext",
    "severity",
    "debugContext",
    "legacyEventType",
    "transaction",
    "uuid",
    "version",
    "request",
    "target",
    "device",
}
RESERVED = [ipaddress.ip_network(n) for n in ("192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24", "198.18.0.0/15")]


def at(event: dict[str, Any]) -> datetime:
    return datetime.fromisoformat(event["published"])


def test_events_have_the_documented_fields_and_their_own_id(written: Any) -> None:
    assert len({e["uuid"] for e in written.log}) == len(written.log)
    for event in written.log:
        assert event.keys() == LOG_EVENT
        assert event["outcome"]["result"] in {"SUCCESS", "FAILURE", "SKIPPED", "ALLOW", "DENY", "CHALLENGE", "UNKNOWN"}
        assert written.options.start <= at(event).timestamp() < written.options.end
        ip = event["client"]["ipAddress"]
        assert ip is None or any(ipaddress.ip_address(ip) in net for net in RESERVED)
        assert (ip is None) == (event["actor"]["type"] == "SystemPrincipal") or event[
            "eventType"
        ] == "security.threat.detected"


def test_nobody_acts_before_they_are_there_or_after_they_left(written: Any) -> None:
    users = {u["id"]: u for u in written.jsonl("okta/users.jsonl.gz")}
    for event in written.log:
        user = users.get(event["actor"]["id"])
        if user is None:
            assert event["actor"]["id"] in ("unknown", "00uSystemPrincipal00")
            continue
        assert event["actor"]["alternateId"] == user["profile"]["login"]
        assert event["published"] >= user["created"]
        if user["status"] == "DEPROVISIONED" and event["eventType"].startswith("user.session"):
            assert event["published"] <= user["statusChanged"][:19] + ".999Z"


def test_users_carry_their_customer_and_last_sign_in(written: Any) -> None:
    customers = {c["id"]: c for c in written.jsonl("stripe/customers.jsonl.gz")}
    last: dict[str, str] = defaultdict(str)
    for event in written.log:
        if event["eventType"] == "user.session.start" and event["outcome"]["result"] == "SUCCESS":
            last[event["actor"]["id"]] = max(last[event["actor"]["id"]], event["published"][:19])
    owners = Counter()
    for user in written.jsonl("okta/users.jsonl.gz"):
        profile = user["profile"]
        customer = customers[profile["customerId"]]
        assert profile["organization"] == customer["name"]
        assert (user["lastLogin"] or "")[:19] == last[user["id"]]
        if profile["userType"] == "owner":
            owners[customer["id"]] += 1
            local, host = customer["email"].lower().split("@")
            assert f"{local.split('+')[0]}@{host}" == profile["login"]
    assert set(owners) == set(customers)
    assert set(owners.values()) == {1}


def test_replaying_group_events_gives_the_members(written: Any) -> None:
    held: set[tuple[str, str]] = set()
    for event in written.log:
        if event["eventType"].startswith("group.user_membership"):
            kinds = {t["type"]: t["id"] for t in event["target"]}
            pair = (kinds["UserGroup"], kinds["User"])
            if event["eventType"].endswith("add"):
                held.add(pair)
            else:
                held.remove(pair)
    everyone = next(g["id"] for g in written.jsonl("okta/groups.jsonl") if g["type"] == "BUILT_IN")
    told = {(m["group_id"], m["user_id"]) for m in written.jsonl("okta/group_members.jsonl")}
    assert {pair for pair in told if pair[0] != everyone} == held
    present = {u["id"] for u in written.jsonl("okta/users.jsonl.gz") if u["status"] != "DEPROVISIONED"}
    assert {user for group, user in told if group == everyone} == present


def test_the_burst_is_one_address_within_ten_minutes(written: Any) -> None:
    burst = written.documents("../truth/incidents.json")[0]["credential_stuffing"]
    tries = [
        e
        for e in written.log
        if e["client"]["ipAddress"] == burst["ip_address"] and e["eventType"] == "user.session.start"
    ]
    results = Counter(e["outcome"]["result"] for e in tries)
    assert results == {"FAILURE": burst["failures"], "SUCCESS": burst["successes"]}
    assert max(map(at, tries)) - min(map(at, tries)) < timedelta(minutes=10)
    assert burst["failures"] >= 50
    assert written.options.end - at(tries[0]).timestamp() < 30 * 86_400
    by_minute = Counter(
        (e["client"]["ipAddress"], e["published"][:15]) for e in written.log if e["outcome"]["result"] == "FAILURE"
    )
    others = [n for (ip, _), n in by_minute.items() if ip != burst["ip_address"]]
    assert max(others) < 50, "no other ten minutes look like a burst"


def test_second_factors_are_challenged_after_enrolment(written: Any) -> None:
    enrolled = {e["actor"]["id"]: e["published"] for e in written.log if e["eventType"] == "user.mfa.factor.activate"}
    challenged = [e for e in written.log if e["eventType"] == "user.authentication.auth_via_mfa"]
    assert challenged
    assert all(enrolled[e["actor"]["id"]] <= e["published"] for e in challenged)
    truth = written.truth("users.parquet").filter("is_mfa_enrolled")["user_id"]
    assert set(truth) == set(enrolled)
