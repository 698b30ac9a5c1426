"""What only files bring: calls of a cloud, requests of a web server, card transactions, attributes of customers."""

from __future__ import annotations

import pytest

from tests.transforms.shared import ENGINES, Built

pytestmark = pytest.mark.parametrize("engine", ENGINES)


def rows(built: Built, engine: str, select: str) -> list[tuple[object, ...]]:
    return built.query(engine, select.format(here="workspace_id in ('examples', 'undated')")).rows()


def test_calls_of_a_cloud(built: Built, engine: str) -> None:
    found = rows(
        built,
        engine,
        "select action, call_group, actor_name, outcome, is_mfa from marts.fct_cloud_api_call where {here} "
        "order by called_at",
    )
    assert found == [
        ("CreateUser", "identity", "ada", "success", False),
        ("AttachRolePolicy", "identity", "grace@company.example", "failure", True),
        ("GetBucketPolicy", "other", "ada", "success", False),
        ("ConsoleLogin", "sign_in", "ada", "success", False),
        ("RotateKey", "other", None, "success", False),
        ("AssumeRole", "session", "ada", "success", False),
    ]


def test_sign_ins_and_changes_are_where_those_of_every_provider_are(built: Built, engine: str) -> None:
    assert rows(built, engine, "select provider, user_email, outcome, is_mfa from marts.fct_login where {here}") == [
        ("cloudtrail", "ada", "success", True)
    ]
    assert rows(
        built,
        engine,
        "select action, action_group, target_id, outcome from marts.fct_iam_change where {here} order by changed_at",
    ) == [("CreateUser", "user", "new", "success"), ("AttachRolePolicy", "policy", "app", "failure")]


def test_requests_that_look_alike_are_two(built: Built, engine: str) -> None:
    found = rows(
        built,
        engine,
        "select ip_address, status_code, bytes_sent, is_bot, count(*) as n from marts.fct_http_request where {here} "
        "group by ip_address, status_code, bytes_sent, is_bot order by ip_address",
    )
    assert ("203.0.113.7", 200, 2326, False, 2) in found
    assert ("198.51.100.5", 404, 15, True, 1) in found
    assert sum(int(str(row[-1])) for row in found) == 7


def test_card_transactions_belong_to_customers(built: Built, engine: str) -> None:
    found = rows(
        built,
        engine,
        "select provider_customer_id, amount_minor, currency, is_fraud, fraud_code, customer_id is not null as is_known "
        "from marts.fct_card_transaction where {here} order by transacted_at",
    )
    assert found == [
        ("596", 5_716, "xxx", False, None, True),
        ("4961", 28_151, "xxx", True, "large_amount", True),
        ("2", 14_600, "xxx", True, "compromised_terminal", True),
    ]


def test_blank_attributes_are_there_as_null(built: Built, engine: str) -> None:
    found = rows(
        built,
        engine,
        "select provider_customer_id, attribute_value, attribute_number from marts.dim_customer_attribute "
        "where {here} and attribute_name = 'TotalCharges' order by provider_customer_id",
    )
    assert [(row[0], row[1], row[2] is not None) for row in found] == [
        ("0001-AAAAA", "358.20", True), ("0002-BBBBB", None, False),
    ]  # fmt: skip


def test_a_workspace_without_times_is_as_of_its_landing(built: Built, engine: str) -> None:
    found = rows(
        built,
        engine,
        "select workspace_id, is_as_of_landing, first_event_at is null as is_timeless, as_of_date is not null as is_known "
        "from marts.dim_workspace where {here} order by workspace_id",
    )
    assert found == [("examples", False, False, True), ("undated", True, True, True)]
