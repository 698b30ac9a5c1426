"""Okta, Auth0 and Nexus itself side by side: one list of users, of sign-ins and of changes, whoever the provider is."""

from __future__ import annotations

import pytest

from tests.transforms.shared import ENGINES, Built

pytestmark = pytest.mark.parametrize("engine", ENGINES)


def rows(built: Built, engine: str, select: str) -> list[tuple[object, ...]]:
    return built.query(engine, select.format(here="workspace_id = 'identities'")).rows()


def test_sign_ins_meet(built: Built, engine: str) -> None:
    found = rows(
        built,
        engine,
        "select provider, user_id, user_email, outcome, is_mfa, country_code, customer_id from marts.fct_login "
        "where {here} and provider in ('okta', 'auth0', 'nexus') order by login_at",
    )
    assert found == [
        ("nexus", "usr_01959f00000070008000000000000001", None, "success", True, None, None),
        ("nexus", None, None, "failure", False, None, None),
        ("auth0", "auth0|u1", "ada@shop.example", "success", True, "DE", "cus_a0"),
        ("auth0", "auth0|u2", "bo@shop.example", "failure", False, None, "cus_a0"),
        ("auth0", None, "nobody@shop.example", "failure", False, None, None),
        ("okta", "00uttidj01jqL21aM1d6", "john.doe@example.com", "success", False, None, None),
    ]


def test_users_meet_and_the_deleted_are_known(built: Built, engine: str) -> None:
    found = rows(
        built,
        engine,
        "select user_id, provider, full_name, status, is_mfa_enrolled, deactivated_at is not null as is_gone, customer_id "
        "from marts.dim_user where {here} order by user_id",
    )
    assert found == [
        ("00u9", "okta", None, "staged", False, False, None),
        ("00ub0oNGTSWTBKOLGLNR", "okta", "Isaac Brock", "active", False, False, "cus_1"),
        ("auth0|u1", "auth0", "Ada Example", "active", True, False, "cus_a0"),
        ("auth0|u2", "auth0", None, "blocked", False, False, "cus_a0"),
        ("auth0|u3", "auth0", None, "deleted", False, True, None),
    ]


def test_changes_meet(built: Built, engine: str) -> None:
    found = rows(
        built,
        engine,
        "select action, action_group, actor_email, user_id, outcome, customer_id from marts.fct_iam_change "
        "where {here} and provider = 'auth0' order by changed_at",
    )
    assert found == [
        ("Assign roles to a user", "role", "admin@company.example", "auth0|u1", "success", "cus_a0"),
        ("sdu", "user", None, "auth0|u3", "success", None),
    ]


def test_a_customer_named_by_auth0_is_one(built: Built, engine: str) -> None:
    found = rows(
        built, engine, "select customer_id, name, provider, user_count from marts.dim_customer where {here} order by 1"
    )
    assert ("cus_a0", "Example Shop", "auth0", 2) in found
    assert ("cus_1", "Example Ltd", "okta", 1) in found
