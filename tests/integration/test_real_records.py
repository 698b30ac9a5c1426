"""Every real record that lies beside the checkout is ingested and built, and SQL over the marts gives its facts back.

The small files whole and a sample of the large ones run with every `make test`; the whole, by the commands that a user
types, is slow.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest
from pydantic import SecretStr

from nexus import postgres
from nexus.settings import PROJECT, Settings
from orchestration.sources import choose
from tests import homes
from tests.transforms.shared import build, load
from warehouse import marts
from warehouse.land import LandingReport, land
from warehouse.publish import build_lock, publish
from warehouse.quality import discover_rules

#: Source, file, workspace. A workspace each, because the records of one company say nothing of another.
SMALL = (
    ("stripe", "payments/stripe_fixtures.json", "fixtures"),
    ("cloudtrail", "iam/aws_cloudtrail.jsonl.gz", "aws"),
    ("http_access", "files/apache_access.log", "web"),
    ("tabular", "churn/telco_customer_churn.csv", "telco"),
)
LARGE = (
    ("tabular", "email/hillstrom.csv", "campaign"),
    ("tabular", "payments/card_transactions_2018.parquet", "cards"),
    ("tabular", "payments/online_retail_2009_2010.parquet", "retail"),
)
#: What the README of the records states, as SQL and its one row.
FACTS_OF_SMALL = {
    "select count(*), min(called_at)::text, max(called_at)::text from marts.fct_cloud_api_call": [
        2_900, "2023-07-10 11:42:18", "2023-07-10 12:37:50",
    ],
    "select count(*) from marts.fct_http_request where workspace_id = 'web'": [9_999],
    "select count(*) from marts.dim_customer where workspace_id = 'telco'": [7_043],
    "select count(*) from marts.dim_customer_attribute where workspace_id = 'telco' "
    "and attribute_name = 'TotalCharges' and attribute_value is null": [11],
    "select cast(round(100.0 * count(*) filter (attribute_value = 'Yes') / count(*), 2) as varchar) "
    "from marts.dim_customer_attribute where workspace_id = 'telco' and attribute_name = 'Churn'": ["26.54"],
    "select count(*) from marts.fct_iam_change where provider = 'cloudtrail'": [88],
    "select count(*), count(*) filter (is_mfa) from marts.fct_login where provider = 'cloudtrail'": [2, 1],
    "select cast(as_of_date as varchar), is_as_of_landing from marts.dim_workspace where workspace_id = 'web'": [
        "2015-05-20", False,
    ],
    "select is_as_of_landing from marts.dim_workspace where workspace_id = 'telco'": [True],
    # Stripe's example of a charge is authorised (`succeeded`) and not captured: no money has come in
    "select status, cast(amount_minor as varchar) from marts.fct_payment where workspace_id = 'fixtures'": [
        "pending", "100",
    ],
}  # fmt: skip
FACTS_OF_LARGE = {
    "select count(*), count(*) filter (is_fraud), count(distinct customer_id) from marts.fct_card_transaction": [
        1_754_155, 14_681, 4_990,
    ],
    "select count(*) from marts.dim_customer where workspace_id = 'cards'": [4_990],
    "select count(*), count(distinct invoice_id), count(*) filter (customer_id is null) from marts.fct_invoice_line "
    "where workspace_id = 'retail'": [525_461, 28_816, 107_927],
    "select count(*) filter (arm_code = 'mens_email'), count(*) filter (arm_code = 'womens_email'), "
    "count(*) filter (is_holdout) from marts.fct_email_message where workspace_id = 'campaign'": [21_307, 21_387, 21_306],
    "select is_as_of_landing from marts.dim_workspace where workspace_id = 'campaign'": [True],
}  # fmt: skip
BUILT = ("+fct_cloud_api_call", "+fct_http_request", "+fct_card_transaction", "+dim_customer_attribute", "+fct_iam_change",
         "+fct_login", "+dim_customer", "+dim_workspace", "+fct_invoice_line", "+fct_invoice", "+fct_balance_transaction",
         "+fct_refund", "+fct_dispute", "+fct_payment")  # fmt: skip
_ROWS = 5_000


@pytest.fixture(scope="module")
def records(
    session_settings: Settings, real_data: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Settings, dict[str, LandingReport]]]:
    """A published warehouse of the small files and the first card transactions, and how each landed."""
    home = session_settings.home / "real_records"
    settings = Settings(home=home, database_url=SecretStr(postgres.dsn(session_settings, "real_records")))
    cards = tmp_path_factory.mktemp("cards") / "cards.parquet"
    duckdb.execute(f"copy (select * from '{real_data / LARGE[1][1]}' limit {_ROWS}) to '{cards}' (format parquet)")
    reports = {}
    for name, path, workspace in [*((n, real_data / p, w) for n, p, w in SMALL), ("tabular", cards, "cards")]:
        source, mapping = choose(name, [path])
        reports[workspace] = land(source, [path], workspace, settings, mapping=mapping)
    load(settings, "duckdb")
    build(settings, "duckdb", select=BUILT)
    with build_lock(settings, wait=True):
        publish(settings)
    yield settings, reports
    marts.reader(settings).close()
    shutil.rmtree(home, ignore_errors=True)


def test_what_landed(records: tuple[Settings, dict[str, LandingReport]]) -> None:
    counts = {workspace: list(report.total.as_dict().values()) for workspace, report in records[1].items()}
    assert counts == {
        "fixtures": [178, 40, 1, 137],
        "aws": [2_900, 2_900, 0, 0],
        "web": [10_000, 9_999, 0, 1],
        "telco": [7_043, 7_043, 0, 0],
        "cards": [_ROWS, _ROWS, 0, 0],
    }


def test_every_example_of_stripe_is_read_or_named(
    records: tuple[Settings, dict[str, LandingReport]], real_data: Path
) -> None:
    """Examples are objects of the contract, stubs of deleted ones, or of a kind that the closing report names."""
    examples = json.loads((real_data / SMALL[0][1]).read_text())["resources"]
    report = records[1]["fixtures"]
    named = sum(report.outside.values())
    deleted = report.tables["deleted_object"]
    inside = [e for e in examples.values() if not e.get("deleted") and e["object"] in report.tables]
    assert named == report.tables[""].quarantined == report.quarantined
    assert len(inside) + deleted.read + named == len(examples) == 176
    assert {"payout", "coupon", "plan", "checkout.session", "line_item of a preview"} <= set(report.outside)


@pytest.mark.parametrize("text", FACTS_OF_SMALL)
def test_facts(text: str, records: tuple[Settings, dict[str, LandingReport]]) -> None:
    assert list(marts.query(text, settings=records[0]).row(0)) == FACTS_OF_SMALL[text]


def test_no_business_rule_refuses_the_examples(records: tuple[Settings, dict[str, LandingReport]]) -> None:
    """Each of Stripe's examples stands alone, and yet no book is out of balance: what moved nothing is not booked."""
    for rule in discover_rules():
        if rule.mart in {"fct_invoice", "fct_balance_transaction", "fct_refund", "fct_dispute"}:
            assert marts.query(rule.sql, settings=records[0]).is_empty(), rule.name


def test_frauds_of_the_sample(records: tuple[Settings, dict[str, LandingReport]], real_data: Path) -> None:
    expected = duckdb.execute(
        f"select count(*), sum(TX_FRAUD)::bigint, count(distinct CUSTOMER_ID), sum(round(TX_AMOUNT * 100))::bigint "
        f"from (select * from '{real_data / LARGE[1][1]}' limit {_ROWS})"
    ).fetchone()
    found = marts.query(
        "select count(*), count(*) filter (is_fraud), count(distinct customer_id), sum(amount_minor)::bigint "
        "from marts.fct_card_transaction",
        settings=records[0],
    ).row(0)
    assert found == expected


def _nexus(home: Path, *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "nexus", *arguments], cwd=PROJECT, env={**os.environ, "NEXUS_HOME": str(home)},
        capture_output=True, text=True, timeout=1_100,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.slow
def test_the_commands_give_every_fact_back(real_data: Path) -> None:
    with homes.home("records") as settings:
        home = settings.home
        for source, path, workspace in (*SMALL, *LARGE):
            _nexus(home, "ingest", source, str(real_data / path), "--workspace", workspace)
        _nexus(home, "build")
        for text, expected in (FACTS_OF_SMALL | FACTS_OF_LARGE).items():
            (line,) = _nexus(home, "sql", text, "--json").splitlines()
            assert list(json.loads(line).values()) == expected, text
