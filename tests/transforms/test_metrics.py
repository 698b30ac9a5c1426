"""Governed metrics, asked in process over a published version, equal what plain SQL says."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

import polars as pl
import pytest

from nexus.errors import InputError, NotFoundError
from nexus.settings import Settings
from tests.transforms.shared import Built
from warehouse import marts, metrics
from warehouse.publish import build_lock, publish


@pytest.fixture(scope="module")
def published(built: Built) -> Iterator[Settings]:
    with build_lock(built.settings, wait=True):
        publish(built.settings)
    yield built.settings
    marts.reader(built.settings).close()


def _sql(settings: Settings, text: str) -> pl.DataFrame:
    return marts.query(text, settings=settings)


def test_every_metric_is_described_and_can_be_asked(published: Settings) -> None:
    known = metrics.definitions(published)
    wanted = {
        "mrr", "arr", "nrr", "gross_churn", "arpa", "payment_success_rate", "refund_rate", "delivery_rate",
        "bounce_rate", "complaint_rate", "human_open_rate", "click_rate", "login_success_rate", "mfa_coverage",
        "storage_bytes", "egress_bytes",
    }  # fmt: skip
    assert wanted <= {d.name for d in known}
    for each in known:
        assert each.label != each.name
        assert each.description.endswith(".")
        assert each.owner
        assert each.unit in {"minor", "count", "ratio", "bytes"}
        assert each.good_direction in {"up", "down"}
        frame = metrics.query_metric(each.name, settings=published)
        assert frame.columns[0] == "period"
        assert frame.columns[-1] == each.name
        assert ("currency" in frame.columns) == ("currency" in each.split_by)


def test_mrr_of_a_month_is_that_of_its_last_day(published: Settings) -> None:
    asked = metrics.query_metric(["mrr", "paying_customers"], by=["currency"], settings=published)
    by_hand = _sql(
        published,
        "select month_date as period, currency, closing_minor as mrr, customers_closing as paying_customers "
        "from marts.fct_mrr_month where closing_minor > 0 order by all",
    )
    assert asked.filter(pl.col("mrr") > 0).cast(by_hand.schema).equals(by_hand)  # type: ignore[arg-type]


def test_retention_and_churn_are_those_of_the_month(published: Settings) -> None:
    asked = metrics.query_metric(["nrr", "gross_churn"], settings=published).drop_nulls()
    by_hand = _sql(
        published,
        "select month_date as period, currency, nrr_pct / 100.0 as nrr, gross_churn_pct / 100.0 as gross_churn "
        "from marts.fct_mrr_month where nrr_pct is not null order by all",
    )
    assert asked["period", "currency"].equals(by_hand["period", "currency"])
    for name in ("nrr", "gross_churn"):
        assert (asked[name] - by_hand[name].cast(pl.Float64)).abs().max() < 1e-6


def test_rates_over_the_whole_time(published: Settings) -> None:
    names = [
        "payment_success_rate",
        "refund_rate",
        "delivery_rate",
        "human_open_rate",
        "login_success_rate",
        "mfa_coverage",
    ]
    asked = metrics.query_metric(names, grain=None, settings=published).row(0, named=True)
    by_hand = _sql(
        published,
        """
        select
            (select count(*) filter (status = 'succeeded') / count(*) from marts.fct_payment where status <> 'pending'),
            (select count(*) from marts.fct_refund)
                / (select count(*) from marts.fct_payment where status = 'succeeded'),
            (select count(*) filter (is_delivered) / count(*) from marts.fct_email_message),
            (select count(*) filter (is_opened_human) / count(*) filter (is_delivered) from marts.fct_email_message),
            (select count(*) filter (outcome = 'success') / count(*) from marts.fct_login where outcome <> 'challenge'),
            (select count(distinct user_id) filter (is_mfa) / count(distinct user_id)
             from marts.fct_login where outcome = 'success')
        """,
    ).row(0)
    assert list(asked.values()) == pytest.approx(list(by_hand))
    assert all(0 < value < 1 for value in by_hand)


def test_bytes_of_a_month(published: Settings) -> None:
    asked = metrics.query_metric(["storage_bytes", "egress_bytes"], settings=published)
    by_hand = _sql(
        published,
        "select date_trunc('month', event_date)::date as period, sum(bytes_sent)::bigint as egress_bytes "
        "from marts.fct_file_event group by all order by all",
    )
    assert asked.select("period", "egress_bytes").equals(by_hand)
    last = _sql(
        published,
        "select sum(storage_bytes)::bigint from marts.fct_storage_snapshot "
        "group by snapshot_date order by snapshot_date",
    ).to_series()
    assert asked["storage_bytes"].to_list() == last.to_list()


def test_splits_filters_and_periods(published: Settings) -> None:
    days = (date(2026, 9, 1), date(2026, 10, 31))
    asked = metrics.query_metric(
        "emails_sent",
        by=["category"],
        where={"provider": ["ses"], "workspace": "demo"},
        period=days,
        settings=published,
    )
    by_hand = _sql(
        published,
        "select date_trunc('month', sent_date)::date as period, category, count(*) as emails_sent "
        "from marts.fct_email_message where provider = 'ses' and sent_date >= '2026-09-01' group by all order by all",
    )
    assert asked.equals(by_hand)
    assert metrics.query_metric("emails_sent", grain=None, where={"workspace": "it's none"}, settings=published)[
        "emails_sent"
    ].to_list() in ([], [None])


def test_a_definition_brings_the_sql_that_computes_it(published: Settings) -> None:
    found = metrics.definition("payment_success_rate", published)
    assert (found.unit, found.good_direction, found.target) == ("ratio", "up", 0.95)
    assert '"marts"."fct_payment"' in found.sql
    assert len(_sql(published, found.sql)) > 0


@pytest.mark.parametrize(
    ("arguments", "error", "says"),
    [
        ({"names": "profit"}, NotFoundError, "profit"),
        ({"names": "mrr", "by": ["colour"]}, InputError, "colour"),
        ({"names": "mrr", "grain": "fortnight"}, InputError, "fortnight"),
        ({"names": "mrr", "where": {"provider": "{{ 1 }}"}}, InputError, "{{ 1 }}"),
    ],
)
def test_what_cannot_be_asked(
    published: Settings, arguments: dict[str, object], error: type[Exception], says: str
) -> None:
    with pytest.raises(error, match=says.replace("{", r"\{")):
        metrics.query_metric(**arguments, settings=published)  # type: ignore[arg-type]
