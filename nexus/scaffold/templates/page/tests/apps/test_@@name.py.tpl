"""@@title: its reads over a warehouse of a few rows, and the page that draws them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date, datetime

import pytest
from streamlit.testing.v1 import AppTest

from apps.streamlit.components.page import Clock, View
from apps.streamlit.reads import @@name as reads

ROWS = {
    "marts.fct_payment": """
        select 'demo' as workspace_id, * from (values
            ('p1', 'c1', date '2026-01-01', 'succeeded', 500, 'eur'),
            ('p2', 'c1', date '2026-01-03', 'failed', 500, 'eur'),
            ('p3', 'c2', date '2026-01-03', 'failed', 900, 'eur'),
            ('p4', 'c2', date '2026-01-03', 'failed', 900, 'usd'),
            ('p5', 'c2', date '2026-02-01', 'failed', 900, 'eur')
        ) as t(payment_id, customer_id, payment_date, status, amount_minor, currency)""",
    "marts.dim_customer": "select 'demo' as workspace_id, 'c1' as customer_id, 'Ada Ltd' as name",
}


def view_of(version: int) -> View:
    first, last = date(2026, 1, 1), date(2026, 1, 4)
    return View("demo", first, last, None, "eur", ("eur",), version, Clock(first, datetime(2026, 1, 5), last))


@pytest.fixture
def view(tiny: Callable[[Mapping[str, str]], int]) -> View:
    return view_of(tiny(ROWS))


def test_every_day_of_the_period_and_no_other(view: View) -> None:
    rows = reads.by_day(view)
    assert rows["attempts"].to_list() == [1, 0, 2, 0]
    assert rows["failed"].to_list() == [0, 0, 2, 0]


def test_customers_by_failures(view: View) -> None:
    rows = reads.by_customer(view).sort("customer")
    assert rows["customer"].to_list() == ["c1", "c2"]
    assert rows["customer_name"].to_list() == ["Ada Ltd", None]
    assert rows["attempts"].to_list() == [2, 1]
    assert rows["failed"].to_list() == [1, 1]
    assert rows["collected_minor"].to_list() == [500, 0]


def _draw(version: int) -> None:
    from apps.streamlit.app_pages import @@name
    from tests.apps.test_@@name import view_of

    @@name.render(view_of(version))


def test_it_draws(view: View) -> None:
    app = AppTest.from_function(_draw, kwargs={"version": view.version}, default_timeout=60).run()
    assert not app.exception, app.exception
    assert not app.error
    assert [m.value for m in app.metric] == ["3", "2", "66.7%"]
