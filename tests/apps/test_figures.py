"""Figures on pages equal the governed metrics, however they were compiled."""

from __future__ import annotations

from datetime import date

import pytest

from apps.streamlit.components import kpi, metric_sql, page, shell
from apps.streamlit.reads import overview
from nexus.settings import Settings
from warehouse import metrics

# the first one waits for the demo company to be built
pytestmark = [pytest.mark.slow, pytest.mark.integration, pytest.mark.timeout(1200)]
PERIOD = (date(2026, 9, 8), date(2026, 10, 20))
#: Periods of whole weeks and months: elsewhere the engine widens, and pages do not.
WHOLE = {"week": (date(2026, 9, 7), date(2026, 10, 18)), "month": (date(2026, 9, 1), date(2026, 10, 31))}


def _asked() -> list[tuple[tuple[str, ...], str | None, tuple[str, ...]]]:
    return sorted({q for m in page.discover().values() for q in kpi.questions(getattr(m, "FIGURES", ()))}, key=str)


@pytest.mark.parametrize(
    ("names", "grain", "filters"), _asked(), ids=lambda v: "+".join(v) if isinstance(v, tuple) else v
)
def test_compiled_statements_answer_as_the_metrics_do(
    published: Settings, names: tuple[str, ...], grain: str | None, filters: tuple[str, ...]
) -> None:
    where = {"workspace": "demo", **({"currency": "usd"} if "currency" in filters else {})}
    period = WHOLE.get(grain or "", PERIOD)
    ours = metric_sql.query(names, grain, where, period, None, published)
    theirs = metrics.query_metric(list(names), grain=grain, where=where, period=period, settings=published)
    assert ours.equals(theirs)


def test_a_compiled_statement_is_kept_and_read_back(published: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    args = (("logins",), None, ("workspace",), published)
    first = metric_sql.statement(*args)
    monkeypatch.setattr(metrics, "compile_metric", None)
    assert metric_sql.statement(*args) == first


def test_values_cannot_leave_their_quotes(published: Settings) -> None:
    evil = "demo') or 1=1 --'"
    frame = metric_sql.query(("logins",), None, {"workspace": evil}, PERIOD, None, published)
    assert frame.is_empty() or frame["logins"].to_list() in ([None], [0])


def test_the_bridge_closes_on_the_governed_mrr(at_home: Settings) -> None:
    from apps.streamlit.components import data, filters

    version = data.version()
    clock = shell.workspaces(version)["demo"]
    currency = next(iter(shell.currencies(version, "demo")))
    view = page.View("demo", *PERIOD, filters.comparison(*PERIOD, clock), currency, (currency,), version, clock)
    steps = overview.bridge(view)
    assert steps["closing"] == steps["opening"] + sum(steps[kind] for kind in overview.KINDS)
    asked = metrics.query_metric(
        "mrr", grain=None, where={"workspace": "demo", "currency": currency}, period=PERIOD, settings=at_home
    )
    assert steps["closing"] == asked["mrr"][0]
