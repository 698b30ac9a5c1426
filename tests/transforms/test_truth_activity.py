"""The demo company's mail, access, file and user marts equal the truth it wrote, on both engines."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

import polars as pl
import pytest

from tests.transforms.shared import ENGINES, Built

pytestmark = pytest.mark.parametrize("engine", ENGINES)

FLAGS = [
    "is_delivered", "is_deferred", "is_dropped", "is_bounced_hard", "is_bounced_soft", "is_opened_human",
    "is_opened_machine", "is_clicked_human", "is_clicked_scanner", "is_complained", "is_unsubscribed",
]  # fmt: skip


def _differences(truth: pl.DataFrame, mart: pl.DataFrame, key: str) -> list[dict[str, Any]]:
    """Rows, by key, whose values are not the same in every column of the truth; those of one side only included."""
    mart = mart.select(truth.columns).cast(dict(truth.schema))  # type: ignore[arg-type]
    assert len(truth) == len(mart) > 0
    assert truth[key].n_unique() == len(truth)
    return truth.join(mart, on=truth.columns, how="anti", nulls_equal=True).head(3).to_dicts()


def _incident(built: Built, name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((built.company / "truth" / "incidents.json").read_text())[name]
    return found


def _messages(built: Built, engine: str) -> pl.DataFrame:
    return built.query(
        engine,
        "select messages.*, messages.provider_message_id as truth_id, customers.stripe_customer_id "
        "from marts.fct_email_message messages "
        "left join marts.dim_customer customers on customers.workspace_id = messages.workspace_id "
        "and customers.customer_id = messages.customer_id",
    )


def _truth_of_messages(built: Built) -> pl.DataFrame:
    """SendGrid's events of one message share only what precedes the first dot of its id."""
    short = pl.col("message_id").str.split(".").list.first()
    return built.truth("email_messages.parquet").with_columns(
        truth_id=pl.when(pl.col("provider") == "sendgrid").then(short).otherwise(pl.col("message_id"))
    )


def test_what_became_of_each_message(built: Built, engine: str) -> None:
    truth = _truth_of_messages(built).select("truth_id", "provider", *FLAGS)
    # a company in which nothing of a kind happens would prove nothing about it
    assert all(truth[flag].any() for flag in FLAGS if flag not in {"is_complained", "is_unsubscribed", "is_dropped"})
    assert not _differences(truth, _messages(built, engine), "truth_id")


def test_whose_and_what_each_message_is(built: Built, engine: str) -> None:
    columns = ["truth_id", "category", "campaign_id", "arm_code", "user_id", "recipient_email"]
    assert not _differences(_truth_of_messages(built).select(columns), _messages(built, engine), "truth_id")


def test_when_each_message_was_sent(built: Built, engine: str) -> None:
    # of a dropped message only the drop is told
    truth = _truth_of_messages(built).filter(~pl.col("is_dropped")).select("truth_id", "sent_at")
    messages = _messages(built, engine).filter(~pl.col("is_dropped"))
    assert not _differences(truth, messages, "truth_id")


def test_every_message_finds_its_customer(built: Built, engine: str) -> None:
    messages = _messages(built, engine)
    owners = _truth_of_messages(built).select("truth_id", "user_id", owner="customer_id").join(messages, on="truth_id")
    assert owners["customer_id"].null_count() == 0
    assert owners["owner"].n_unique() == owners["customer_id"].n_unique()
    assert owners.group_by("owner").agg(pl.col("customer_id").n_unique())["customer_id"].max() == 1
    by_stripe = owners.filter(pl.col("stripe_customer_id").is_not_null())
    assert (by_stripe["owner"] == by_stripe["stripe_customer_id"]).all()


def test_users(built: Built, engine: str) -> None:
    truth = built.truth("users.parquet").select(
        "user_id", pl.col("email").str.to_lowercase(), pl.col("status").str.to_lowercase(), "is_mfa_enrolled"
    )
    assert not _differences(
        truth, built.query(engine, "select * from marts.dim_user where workspace_id = 'demo'"), "user_id"
    )


def test_sign_ins_are_all_there(built: Built, engine: str) -> None:
    logged = pl.concat(
        pl.read_ndjson(
            path, schema={"uuid": pl.String, "eventType": pl.String, "outcome": pl.Struct({"result": pl.String})}
        )
        for path in sorted((built.company / "export" / "okta").glob("system_log-*"))
    ).unique("uuid")
    starts = logged.filter(pl.col("eventType") == "user.session.start").unnest("outcome")["result"].value_counts()
    expected = {r["result"].lower(): r["count"] for r in starts.to_dicts()}
    counts = built.query(
        engine, "select outcome, count(*) as n from marts.fct_login where workspace_id = 'demo' group by outcome"
    )
    found = dict(counts.rows())
    assert found["success"] == expected["success"]
    assert found["failure"] == expected["failure"]
    mfa = logged.filter(pl.col("eventType") == "user.authentication.auth_via_mfa")
    strong = built.query(engine, "select count(*) as n from marts.fct_login where is_mfa and workspace_id = 'demo'")
    assert strong.item() == len(mfa) > 0


def test_the_stuffing_burst_stands_out(built: Built, engine: str) -> None:
    attack = _incident(built, "credential_stuffing")
    burst = built.query(engine, "select * from marts.fct_login where is_burst")
    assert set(burst["ip_address"]) == {attack["ip_address"]}
    assert burst["outcome"].value_counts().sort("count").rows() == [
        ("success", attack["successes"]), ("failure", attack["failures"]),
    ]  # fmt: skip
    first, last = burst["login_at"].min(), burst["login_at"].max()
    assert isinstance(first, datetime)
    assert isinstance(last, datetime)
    assert first.strftime("%Y-%m-%dT%H:%M:%SZ") == attack["from"]
    assert last.strftime("%Y-%m-%dT%H:%M:%SZ") == attack["until"]


def test_the_exfiltration_stands_out(built: Built, engine: str) -> None:
    theft = _incident(built, "exfiltration")
    taken = built.query(
        engine,
        "select user_id, count(*) as downloads, cast(sum(bytes_sent) as bigint) as bytes, "
        "count(distinct object_key) as objects from marts.fct_file_event "
        f"where event = 'download' and ip_address = '{theft['ip_address']}' group by user_id",
    ).to_dicts()
    assert taken == [{key: theft[key] for key in ("user_id", "downloads", "bytes", "objects")}]


def test_storage_by_month(built: Built, engine: str) -> None:
    found = built.query(
        engine,
        "select snapshot_date, cast(sum(object_count) as bigint) as object_count, "
        "cast(sum(storage_bytes) as bigint) as storage_bytes from marts.fct_storage_snapshot group by snapshot_date",
    )
    assert not _differences(built.truth("storage_month.csv"), found, "snapshot_date")


def test_storage_by_customer(built: Built, engine: str) -> None:
    found = built.query(
        engine,
        "select stored.snapshot_date, users.tenant as customer_id, stored.object_count, stored.storage_bytes "
        "from marts.fct_storage_snapshot stored join (select distinct customer_id, source_id as tenant "
        "from intermediate.int_identity__user where source = 'account' and source_id like 'cus_%') users "
        "on users.customer_id = stored.customer_id",
    )
    truth = built.truth("storage_customer.parquet").with_columns(key=pl.concat_str("snapshot_date", "customer_id"))
    found = found.with_columns(key=pl.concat_str("snapshot_date", "customer_id"))
    assert not _differences(truth, found, "key")


def test_labels_know_who_left(built: Built, engine: str) -> None:
    labels = built.query(
        engine,
        "select customer_id, min(case when churned_within_60d then event_timestamp end) as first_seen, "
        "count(churned_within_60d) as labelled "
        "from features.feat_customer__churn_label group by customer_id",
    )
    gone = set(labels.filter(pl.col("first_seen").is_not_null())["customer_id"])
    churned = built.query(engine, "select customer_id, churned_at from marts.dim_customer where churned_at is not null")
    known = built.query(
        engine,
        "select max(known_at) as m from features.feat_customer__churn_label where churned_within_60d is not null",
    ).item()
    assert gone
    # whoever is counted as churned for good and long enough ago was labelled at some month end, if they paid at one of
    # which the outcome is known: who came and went within two months did not
    paid_at_month_end = set(labels.filter(pl.col("labelled") > 0)["customer_id"])
    long_ago = {c for c, at in churned.rows() if at < known and c in paid_at_month_end}
    assert {c for c in long_ago if c not in gone} == set()
