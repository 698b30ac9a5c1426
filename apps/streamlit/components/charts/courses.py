"""Courses: by day, by minute, several beside one another. Gaps stay gaps, what is not complete is marked."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import altair as alt
import polars as pl

from apps.streamlit.components.charts.frame import AXIS_COUNT, HEIGHT, Chart, bar_width, day_x
from apps.streamlit.components.theme import Palette


def days(
    frame: pl.DataFrame,
    value: str,
    colours: Palette,
    *,
    axis: alt.Axis = AXIS_COUNT,
    marked: str | None = None,
    label: str = "Value",
    band: tuple[str, str] | None = None,
    text: str | None = None,
) -> Chart:
    """Bars by day (column `day`); those where `marked` is true stand out; `band` draws what was to be expected."""
    x = day_x(frame)
    layers: list[Any] = []
    if band:
        layers.append(
            alt.Chart(frame)
            .mark_area(color=colours.band, interpolate="monotone")
            .encode(x=x, y=alt.Y(f"{band[0]}:Q", axis=axis), y2=f"{band[1]}:Q")
        )
    tips = [
        alt.Tooltip("day:T", title="Day", format="%-d %B %Y"),
        alt.Tooltip(f"{text}:N" if text else f"{value}:Q", title=label),
    ]
    colour: Any = alt.value(colours.main)
    if marked:
        colour = alt.condition(f"datum.{marked}", alt.value(colours.alarm), alt.value(colours.main))
    layers.append(
        alt.Chart(frame)
        .mark_bar(size=bar_width(frame["day"].n_unique()), cornerRadiusEnd=1)
        .encode(x=x, y=alt.Y(f"{value}:Q", axis=axis), color=colour, tooltip=tips)
    )
    if marked and frame[marked].any():
        peaks = frame.filter(pl.col(marked))
        layers.append(
            alt.Chart(peaks)
            .mark_text(text="▼", color=colours.alarm, dy=-9, fontSize=11)
            .encode(x=x, y=alt.Y(f"{value}:Q", axis=axis))
        )
    return alt.layer(*layers).properties(height=HEIGHT)


def stacked_days(
    frame: pl.DataFrame,
    value: str,
    series: str,
    order: Sequence[str],
    colours: Sequence[str],
    *,
    axis: alt.Axis = AXIS_COUNT,
) -> Chart:
    """Bars by day, split by a series whose colours are given in its order."""
    chart: Chart = (
        alt.Chart(frame)
        .mark_bar(size=bar_width(frame["day"].n_unique()))
        .encode(
            x=day_x(frame),
            y=alt.Y(f"sum({value}):Q", axis=axis),
            color=alt.Color(f"{series}:N", scale=alt.Scale(domain=list(order), range=list(colours)), sort=list(order)),
            order=alt.Order("rank:Q"),
            tooltip=[
                alt.Tooltip("day:T", title="Day", format="%-d %B %Y"),
                alt.Tooltip(f"{series}:N", title="What"),
                alt.Tooltip(f"sum({value}):Q", title="Number", format=","),
            ],
        )
        .properties(height=HEIGHT)
    )
    return chart


def lines(
    frame: pl.DataFrame,
    x: str,
    y: str,
    colours: Palette,
    *,
    series: str | None = None,
    axis: alt.Axis = AXIS_COUNT,
    reference: bool = False,
    x_title: str = "",
    y_title: str | None = None,
    time: bool = True,
) -> Chart:
    """Lines with points; a diagonal of reference where both axes mean the same."""
    encoded_x: Any = (
        alt.X(
            f"yearmonthdate({x}):T", title=None, axis=alt.Axis(format="%-d %b %y", tickCount=6, labelOverlap="greedy")
        )
        if time
        else alt.X(f"{x}:Q", title=x_title, axis=alt.Axis(format="~%", tickCount=6))
    )
    chart = alt.Chart(frame).mark_line(point={"size": 36, "filled": True})
    chart = chart.encode(x=encoded_x, y=alt.Y(f"{y}:Q", axis=axis, title=y_title))
    chart = chart.encode(color=alt.Color(f"{series}:N")) if series else chart.encode(color=alt.value(colours.main))
    layers: list[Any] = [chart]
    if reference:
        peak = max(float(frame[x].max() or 1), float(frame[y].max() or 1))  # type: ignore[arg-type]
        ends = pl.DataFrame({"a": [0.0, peak], "b": [0.0, peak]})
        layers.insert(
            0, alt.Chart(ends).mark_line(strokeDash=[4, 4], color=colours.quiet, strokeWidth=1).encode(x="a:Q", y="b:Q")
        )
    return alt.layer(*layers).properties(height=HEIGHT)


def minutes_of(frame: pl.DataFrame) -> int:
    """Minutes from the first to the last, those without an attempt too."""
    first, last = frame["minute"].min(), frame["minute"].max()
    return int((last - first).total_seconds() // 60) + 1 if first is not None else 1  # type: ignore[operator, union-attr]


def minutes(frame: pl.DataFrame, outcomes: Sequence[str], colours: Sequence[str]) -> Chart:
    """Attempts by minute (column `minute`, UTC) and outcome."""
    chart: Chart = (
        alt.Chart(frame)
        .mark_bar(size=bar_width(minutes_of(frame)))
        .encode(
            x=alt.X(
                "yearmonthdatehoursminutes(minute):T",
                title=None,
                axis=alt.Axis(format="%H:%M", tickCount=8, labelOverlap="greedy"),
            ),
            y=alt.Y("sum(attempts):Q", axis=AXIS_COUNT),
            color=alt.Color(
                "outcome:N", scale=alt.Scale(domain=list(outcomes), range=list(colours)), sort=list(outcomes)
            ),
            tooltip=[
                alt.Tooltip("minute:T", title="Minute (UTC)", format="%-d %b %H:%M"),
                alt.Tooltip("outcome:N", title="Outcome"),
                alt.Tooltip("sum(attempts):Q", title="Attempts", format=","),
            ],
        )
        .properties(height=220)
    )
    return chart
