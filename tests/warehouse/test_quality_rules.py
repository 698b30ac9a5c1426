"""Every business rule passes on marts that are right and fails on marts that are wrong in just its way."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import duckdb
import psycopg
import pytest

from nexus import postgres
from warehouse.quality import check_rules, discover_rules

SOUND = """
create schema marts;
create table marts.dim_workspace as select 'w' as workspace_id, date '2026-03-10' as as_of_date;
create table marts.dim_customer as
    select * from (values ('w', 'c1', timestamp '2026-01-01'), ('w', 'c2', timestamp '2026-01-01'))
    as t(workspace_id, customer_id, created_at);
create table marts.fct_mrr_movement as
    select * from (values
        ('w', 'c1', 'usd', date '2026-01-05', date '2026-01-01', 'new', 1000),
        ('w', 'c1', 'usd', date '2026-02-05', date '2026-02-01', 'expansion', 500),
        ('w', 'c2', 'usd', date '2026-02-07', date '2026-02-01', 'new', 300))
    as t(workspace_id, customer_id, currency, movement_date, month_date, movement, amount_minor);
create table marts.fct_mrr_month as
    select * from (values
        ('w', date '2026-01-01', 'usd', 0, 1000, 0, 0, 0, 0, 1000),
        ('w', date '2026-02-01', 'usd', 1000, 300, 500, 0, 0, 0, 1800))
    as t(workspace_id, month_date, currency, opening_minor, new_minor, expansion_minor, contraction_minor,
         churn_minor, reactivation_minor, closing_minor);
create table marts.fct_subscription_day as
    select * from (values
        ('w', 's1', 'usd', date '2026-01-31', 1000),
        ('w', 's1', 'usd', date '2026-02-28', 1500), ('w', 's2', 'usd', date '2026-02-28', 300))
    as t(workspace_id, subscription_id, currency, day_date, mrr_minor);
create table marts.fct_payment as
    select * from (values
        ('w', 'p1', 'c1', 'stripe', 'i1', timestamp '2026-01-05 10:00', 'succeeded', 1000, 59, 'usd'),
        ('w', 'p2', 'c2', 'stripe', 'i2', timestamp '2026-02-07 10:00', 'succeeded', 300, 39, 'usd'),
        -- one is captured in part, one was only authorised when it landed and is booked since
        ('w', 'p3', 'c2', 'stripe', 'i3', timestamp '2026-02-08 10:00', 'succeeded', 60, 5, 'usd'),
        ('w', 'p4', 'c2', 'stripe', 'i4', timestamp '2026-02-08 10:00', 'pending', 500, null, 'usd'))
    as t(workspace_id, payment_id, customer_id, provider, invoice_id, paid_at, status, amount_minor, fee_minor, currency);
create table marts.fct_refund as
    select * from (values
        ('w', 'r1', 'p1', 'stripe', timestamp '2026-01-06', 400, 'usd', 'succeeded', true),
        ('w', 'r2', 'p3', 'stripe', timestamp '2026-02-09', 240, 'usd', 'succeeded', false))
    as t(workspace_id, refund_id, payment_id, provider, refunded_at, amount_minor, currency, status, is_booked);
create table marts.fct_dispute as
    select 'w' as workspace_id, 'd1' as dispute_id, 'p2' as payment_id, 'stripe' as provider,
        timestamp '2026-02-09' as disputed_at, 300 as amount_minor, 'usd' as currency, 'lost' as status;
create table marts.fct_balance_transaction as
    select * from (values
        ('w', 'b1', 'stripe', 'charge', 'p1', 1000, 'usd'), ('w', 'b2', 'stripe', 'charge', 'p2', 300, 'usd'),
        ('w', 'b5', 'stripe', 'charge', 'p3', 60, 'usd'), ('w', 'b6', 'stripe', 'charge', 'p4', 500, 'usd'),
        ('w', 'b3', 'stripe', 'refund', 're1', -400, 'usd'), ('w', 'b4', 'stripe', 'dispute', 'dp1', -300, 'usd'))
    as t(workspace_id, balance_transaction_id, provider, kind, source_id, amount_minor, currency);
create table marts.fct_email_message as
    select 'w' as workspace_id, 'm1' as message_id, timestamp '2026-01-05 10:00' as sent_at;
create table marts.fct_email_event as
    select 'w' as workspace_id, 'e1' as email_event_id, 'm1' as message_id, 'delivered' as event,
        timestamp '2026-01-05 10:01' as event_at;
create table marts.fct_invoice as
    select * from (values
        ('w', 'i1', timestamp '2026-01-05', timestamp '2026-01-05 10:00', 1190, 190, 2),
        ('w', 'i2', timestamp '2026-02-07', null, 300, 0, 1))
    as t(workspace_id, invoice_id, issued_at, paid_at, total_minor, tax_minor, line_count);
create table marts.fct_invoice_line as
    select * from (values ('w', 'l1', 'i1', 900), ('w', 'l2', 'i1', 100), ('w', 'l3', 'i2', 300))
    as t(workspace_id, invoice_line_id, invoice_id, amount_minor);
"""

#: For each rule one way to break it.
CORRUPTION = {
    "fct_mrr_month.closing_is_opening_plus_movements": "update marts.fct_mrr_month set closing_minor = closing_minor + 1"
    " where month_date = '2026-02-01'",
    "fct_mrr_month.closing_is_sum_of_subscriptions": "delete from marts.fct_subscription_day where subscription_id = 's2'",
    "fct_mrr_month.movements_are_those_of_the_days": "delete from marts.fct_mrr_movement where movement = 'expansion'",
    "fct_mrr_month.opening_is_previous_closing": "update marts.fct_mrr_month set opening_minor = 999,"
    " expansion_minor = 501 where month_date = '2026-02-01'",
    "fct_balance_transaction.payments_are_booked": "delete from marts.fct_balance_transaction where kind = 'refund'",
    "fct_payment.customer_exists": "delete from marts.dim_customer where customer_id = 'c2'",
    "fct_refund.not_before_its_payment": "update marts.fct_refund set refunded_at = '2026-01-04'",
    "fct_refund.not_more_than_its_payment": "update marts.fct_refund set currency = 'eur'",
    "fct_dispute.not_before_its_payment": "update marts.fct_dispute set disputed_at = '2026-02-01'",
    "fct_email_event.not_before_sending": "update marts.fct_email_event set event_at = '2026-01-05 09:59'",
    "fct_invoice.paid_not_before_issued": "update marts.fct_invoice set paid_at = '2026-01-04' where invoice_id = 'i1'",
    "fct_invoice.total_is_sum_of_lines": "delete from marts.fct_invoice_line where invoice_line_id = 'l2'",
}


class Candidate:
    """The little of an engine that gates read through."""

    def __init__(self, connection: Any) -> None:
        self.connection = connection
        for statement in SOUND.split(";"):
            if statement.strip():
                connection.execute(statement)

    def rows(self, sql: str) -> list[dict[str, Any]]:
        answer = self.connection.execute(sql)
        names = [column[0] for column in answer.description]
        return [dict(zip(names, row, strict=True)) for row in answer.fetchall()]


@pytest.fixture(params=["duckdb", "postgres"])
def candidate(request: pytest.FixtureRequest) -> Iterator[Candidate]:
    if request.param == "duckdb":
        with duckdb.connect() as duck:
            yield Candidate(duck)
        return
    settings = request.getfixturevalue("session_settings")
    with psycopg.connect(postgres.dsn(settings, "gates"), autocommit=True) as pg:
        pg.execute("drop schema if exists marts cascade")
        yield Candidate(pg)


def test_sound_marts_pass(candidate: Candidate) -> None:
    results = check_rules(candidate)
    assert [r.sentence() for r in results if not r.passed] == []
    assert {f"{r.relation}.{r.gate}" for r in results} == {f"{r.mart}.{r.name}" for r in discover_rules()}


def test_every_rule_has_a_way_to_be_broken() -> None:
    assert {f"{r.mart}.{r.name}" for r in discover_rules()} == set(CORRUPTION)


@pytest.mark.parametrize("name", CORRUPTION)
def test_corruption_is_found(candidate: Candidate, name: str) -> None:
    candidate.connection.execute(CORRUPTION[name])
    broken = {f"{r.relation}.{r.gate}": r for r in check_rules(candidate) if not r.passed}
    assert name in broken
    result = broken[name]
    assert result.violations >= 1
    assert result.failing
    assert "violations_in_all" not in result.failing[0]
    assert candidate.rows(result.look), "the query that shows the rows must show them"


def test_only_the_asked_rules_are_judged(candidate: Candidate) -> None:
    chosen = [r for r in discover_rules() if r.mart == "fct_refund"]
    assert {r.relation for r in check_rules(candidate, chosen)} == {"fct_refund"}
