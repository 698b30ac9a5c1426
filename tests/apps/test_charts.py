"""Every chart is a valid Vega-Lite specification, and says what its rows say."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime, timedelta

import altair as alt
import polars as pl
import pytest

from apps.streamlit.components import charts, theme

DAYS = [date(2026, 10, 1) + timedelta(days=n) for n in range(5)]
BY_DAY = pl.DataFrame(
    {"day": DAYS, "facts": [1, 5, None, 2, 9], "low": [0.0] * 5, "high": [6.0] * 5, "unusual": [False] * 4 + [True]}
)
STEPS = [("Before", 10_000, "total"), ("New", 500, "new"), ("Churn", -200, "churn"), ("After", 10_300, "total")]
MOVES = pl.DataFrame(
    {"month_date": [date(2026, 9, 1), date(2026, 10, 1)], "movement": ["new", "churn"], "amount_minor": [500, -200]}
)
COHORTS = pl.DataFrame(
    {
        "cohort_date": [date(2026, 9, 1)] * 2, "cohort": ["Sep 2026"] * 2, "age": [0, 1], "share": [1.0, 0.8],
        "customers": [9, 9], "incomplete": [False, True],
    }
)  # fmt: skip
RANKED = pl.DataFrame({"name": ["a", "b"], "n": [5, 3], "text": ["5", "3"]})
SPLIT = BY_DAY.select("day", pl.col("facts").alias("n"), pl.lit("in").alias("what"), pl.lit(0).alias("rank"))
MINUTES = pl.DataFrame(
    {"minute": [datetime(2026, 10, 1, 3, n) for n in (1, 5)], "outcome": ["x", "y"], "attempts": [3, 4]}
)
RATES = pl.DataFrame({"name": ["A", "B"], "rate": [0.1, 0.2], "low": [0.05, 0.15], "high": [0.15, 0.25]})

DRAWN: dict[str, Callable[[theme.Palette], charts.Chart]] = {
    "bridge": lambda c: charts.bridge(STEPS, "usd", c),
    "movements": lambda c: charts.movements(MOVES, "usd", c, date(2026, 10, 1)),
    "days": lambda c: charts.days(BY_DAY, "facts", c, marked="unusual", band=("low", "high")),
    "stacked": lambda c: charts.stacked_days(SPLIT, "n", "what", ["in"], ["#123456"]),
    "ranked": lambda c: charts.ranked(RANKED, "name", "n", "text", c),
    "triangle": lambda c: charts.triangle(COHORTS, c),
    "minutes": lambda c: charts.minutes(MINUTES, ["x", "y"], ["#123456", "#654321"]),
    "intervals": lambda c: charts.intervals(RATES, c),
}


@pytest.mark.parametrize("colours", [theme.LIGHT, theme.DARK], ids=["light", "dark"])
@pytest.mark.parametrize("name", DRAWN)
def test_charts_are_valid(name: str, colours: theme.Palette) -> None:
    with alt.utils.schemapi.debug_mode(True):
        spec = DRAWN[name](colours).to_dict(validate=True)
        spec["config"] = theme.config(colours)
        alt.Chart.from_dict(spec) if "mark" in spec else alt.LayerChart.from_dict(spec)


def test_a_bridge_lands_where_it_says() -> None:
    rows = next(iter(charts.bridge(STEPS, "usd", theme.LIGHT).to_dict()["datasets"].values()))
    assert [row["end"] for row in rows] == [100.0, 105.0, 103.0, 103.0]
    assert [row["text"] for row in rows] == ["$100", "+$5", "−$2", "$103"]


def test_a_bridge_says_when_its_axis_is_cut() -> None:
    assert charts.bridge_is_cut(10_000, [500, -200])
    assert not charts.bridge_is_cut(0, [500, -200])


def test_gaps_stay_gaps() -> None:
    rows = next(iter(charts.days(BY_DAY, "facts", theme.LIGHT).to_dict()["datasets"].values()))
    assert [row["facts"] for row in rows] == [1, 5, None, 2, 9]


def test_days_are_the_same_in_every_zone() -> None:
    """A day without a time would be read as UTC and shown a day early west of Greenwich."""
    rows = next(iter(charts.days(BY_DAY, "facts", theme.LIGHT).to_dict()["datasets"].values()))
    assert rows[0]["day"] == "2026-10-01T00:00:00"
