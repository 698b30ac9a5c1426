"""Auth0: events of the API, of a stream and of an old export, users of a page and of an export job."""

from __future__ import annotations

import json
from datetime import datetime
from decimal import Decimal

from orchestration.sources.auth0.contract import SOURCE


def test_events_and_their_envelopes(fixtures) -> None:
    rows = {r["id"]: r for r in fixtures(SOURCE).rows["log"]}
    assert len(rows) == 8
    login = rows["90020260302090000100001"]
    assert login["logged_at"] == datetime(2026, 3, 2, 9, 0, 0, 100000)
    assert (login["type"], login["user_id"], login["session_id"]) == ("s", "auth0|u1", "sess1")
    assert (login["country_code"], login["latitude"]) == ("DE", Decimal("52.52"))
    assert json.loads(login["_extra"])["of_next_year"] == 1
    wrapped = rows["90020260302130000000001"]
    assert (wrapped["type"], wrapped["user_id"]) == ("sdu", "auth0|u3")


def test_an_operation_names_who_was_changed_and_by_whom(fixtures) -> None:
    row = next(r for r in fixtures(SOURCE).rows["log"] if r["description"] == "Assign roles to a user")
    assert (row["request_method"], row["request_user_id"]) == ("post", "auth0|u1")
    assert (row["actor_id"], row["actor_email"]) == ("google-oauth2|7", "admin@company.example")
    assert row["response_status_code"] == 204


def test_users_of_a_page_and_of_an_export(fixtures) -> None:
    ada, bo, cy = sorted(fixtures(SOURCE).rows["user"], key=lambda r: r["id"])
    assert (ada["customer_id"], ada["organization_name"], ada["user_type"]) == ("cus_a0", "Example Shop", "owner")
    assert (bo["customer_id"], bo["is_blocked"], ada["is_blocked"]) == ("cus_a0", True, None)
    assert json.loads(ada["multifactor"]) == ["guardian"]
    assert cy["id"] == "auth0|u3"


def test_a_time_that_is_none_goes_to_quarantine(fixtures) -> None:
    ((table, reason, _),) = fixtures(SOURCE).bad
    assert table == "log"
    assert 'logged_at: expected timestamp (iso), found "at noon"' in reason
