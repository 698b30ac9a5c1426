"""Things beside one another: ranked, by cohort, with the span in which a figure lies."""

from __future__ import annotations

import altair as alt
import polars as pl

from apps.streamlit.components.charts.frame import Chart
from apps.streamlit.components.theme import Palette


def ranked(
    frame: pl.DataFrame,
    name: str,
    value: str,
    text: str,
    colours: Palette,
    *,
    colour: str | None = None,
    rows: int = 10,
) -> Chart:
    """Horizontal bars, longest first, each with its value written beside it."""
    top = frame.head(rows)
    order = top[name].to_list()
    peak = max([float(v or 0) for v in top[value]] or [1]) or 1
    # room for the words beside the longest bar, on half a page
    room = 1 + min(1.4, 0.055 * max(len(str(t)) for t in top[text]))
    base = alt.Chart(top).encode(
        y=alt.Y(f"{name}:N", sort=order, title=None, axis=alt.Axis(labelLimit=240, domain=False)),
        x=alt.X(f"{value}:Q", axis=None, scale=alt.Scale(domain=[0, peak * room])),
    )
    bars = base.mark_bar(height=16, cornerRadiusEnd=2, color=colour or colours.main).encode(
        tooltip=[alt.Tooltip(f"{name}:N", title=""), alt.Tooltip(f"{text}:N", title="")]
    )
    labels = base.mark_text(align="left", dx=6, color=colours.text).encode(text=f"{text}:N")
    return alt.layer(bars, labels).properties(height=max(60, 28 * len(top)))


def triangle(frame: pl.DataFrame, colours: Palette) -> Chart:
    """Retention by cohort: columns cohort (text), age (months), share (0 to 1), incomplete (bool)."""
    order = frame.sort("cohort_date")["cohort"].unique(maintain_order=True).to_list()
    base = alt.Chart(frame).encode(
        x=alt.X("age:O", title="Months since the first payment", axis=alt.Axis(labelAngle=0, orient="top")),
        y=alt.Y("cohort:O", sort=order, title=None),
    )
    low = float(frame["share"].min() or 0)  # type: ignore[arg-type]
    boxes = base.mark_rect(stroke=colours.background, strokeWidth=1).encode(
        color=alt.Color("share:Q", scale=alt.Scale(domain=[min(low, 0.5), 1], range=list(colours.ramp)), legend=None),
        opacity=alt.condition("datum.incomplete", alt.value(0.5), alt.value(1)),
        tooltip=[
            alt.Tooltip("cohort:N", title="First paid in"),
            alt.Tooltip("age:O", title="Months later"),
            alt.Tooltip("share:Q", title="MRR kept", format=".1%"),
            alt.Tooltip("customers:Q", title="Customers at start"),
        ],
    )
    text = base.mark_text(fontSize=11, color=colours.text).encode(text=alt.Text("share:Q", format=".0%"))
    return alt.layer(boxes, text).properties(height=24 * len(order) + 40)


def intervals(frame: pl.DataFrame, colours: Palette) -> Chart:
    """Rates with their 95 % interval: columns name, rate, low, high."""
    order = frame["name"].to_list()
    y = alt.Y("name:N", sort=order, title=None, axis=alt.Axis(labelLimit=240))
    x = alt.X("low:Q", axis=alt.Axis(format="~%", title=None, tickCount=6), scale=alt.Scale(zero=False))
    rules = alt.Chart(frame).mark_rule(strokeWidth=2, color=colours.main).encode(y=y, x=x, x2="high:Q")
    points = (
        alt.Chart(frame)
        .mark_point(filled=True, size=80, color=colours.main, opacity=1)
        .encode(
            y=y,
            x="rate:Q",
            tooltip=[
                alt.Tooltip("name:N", title="Arm"),
                alt.Tooltip("rate:Q", title="Rate", format=".2%"),
                alt.Tooltip("low:Q", title="from", format=".2%"),
                alt.Tooltip("high:Q", title="to", format=".2%"),
            ],
        )
    )
    return alt.layer(rules, points).properties(height=max(80, 42 * len(order)))
