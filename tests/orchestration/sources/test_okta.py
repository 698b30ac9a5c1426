"""Okta: System Log events, users, groups, memberships flat and embedded."""

from __future__ import annotations

import json
from datetime import datetime
from decimal import Decimal

from orchestration.sources.okta.contract import SOURCE


def test_a_log_event(fixtures) -> None:
    row = fixtures(SOURCE).one("log")
    assert (row["id"], row["event_type"], row["outcome_result"]) == (
        "dc9fd3c0-598c-11ef-8478-2b7584bf8d5a",
        "user.session.start",
        "SUCCESS",
    )
    assert row["published_at"] == datetime(2026, 8, 13, 15, 58, 20, 353000)
    assert (row["actor_login"], row["ip_address"], row["country"]) == (
        "john.doe@example.com",
        "10.0.0.1",
        "United States",
    )
    assert (row["target_type"], row["second_target_id"]) == ("AuthenticatorEnrollment", "00g1")
    assert [t["id"] for t in json.loads(row["targets"])] == ["pfdfdhyLf", "00g1"]
    assert row["latitude"] == Decimal("40.3157")
    assert row["is_proxy"] is False


def test_users_with_their_custom_attributes(fixtures) -> None:
    embedded, whole = sorted(fixtures(SOURCE).rows["user"], key=lambda r: r["id"])
    assert (whole["customer_id"], whole["organization_name"]) == ("cus_1", "Example Ltd")
    assert whole["updated_at"] == datetime(2026, 6, 27, 16, 35, 28)
    assert json.loads(whole["factors"]) == [{"factorType": "push"}]
    assert json.loads(whole["_extra"])["profile"] == {"favouriteColour": "green"}
    assert (embedded["id"], embedded["status"]) == ("00u9", "STAGED")


def test_a_group_changes_with_its_members(fixtures) -> None:
    admins, everyone = fixtures(SOURCE).rows["group"]
    assert (admins["name"], admins["changed_at"]) == ("Admins", datetime(2026, 6, 24, 16, 39, 18))
    assert everyone["changed_at"] == datetime(2026, 1, 2)


def test_memberships_flat_and_embedded(fixtures) -> None:
    assert {r["id"] for r in fixtures(SOURCE).rows["group_member"]} == {"00g1/00ub0oNGTSWTBKOLGLNR", "00g2/00u9"}


def test_a_time_that_is_none_goes_to_quarantine(fixtures) -> None:
    ((table, reason, _),) = fixtures(SOURCE).bad
    assert table == "log"
    assert 'published_at: expected timestamp (iso), found "2026-08-13 at noon"' in reason
