"""The charts: one function for each shape, drawn with a title that states the finding.

Belongs here: marks, scales, how the incomplete is shown. Does not belong here: which numbers (reads/), colours by
hand (theme.py). Axes of bars start at zero; gaps stay gaps; days are UTC.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any

import altair as alt
import polars as pl
import streamlit as st

from apps.streamlit.components import formats, theme
from apps.streamlit.components.theme import Palette

HEIGHT = 280
Chart = alt.Chart | alt.LayerChart | alt.FacetChart
# specifications are checked by tests, not for every visitor
alt.utils.schemapi.disable_debug_mode()


def draw(chart: Chart, title: str, note: str = "", *, alt_text: str | None = None) -> None:
    """Title and note above the chart; the title is also what a screen reader says."""
    head(title, note)
    show(chart, alt_text or f"Chart: {title}")


def show(chart: Chart, alt_text: str) -> None:
    """The chart in the viewer's theme.

    It is handed over as a plain specification: Altair would check every part of it again, which took half of a page's
    time. `test_charts_are_valid` checks them all.
    """
    spec = chart.to_dict(validate=False)
    spec["config"] = theme.config(theme.current())
    st.vega_lite_chart(spec=spec, width="stretch", alt=alt_text)


def head(title: str, note: str = "") -> None:
    """Title and note as plain text: names from the data stand in them."""
    with st.container(gap=None):
        st.markdown(f"#### {formats.md(title)}")
        if note:
            st.caption(formats.md(note))


def axis_money(currency: str) -> alt.Axis:
    """Ticks such as $1.2M; the data are major units."""
    sign = formats.symbol(currency)
    return alt.Axis(
        title=None,
        tickCount=5,
        labelExpr=f"(datum.value < 0 ? '−' : '') + '{sign}' + replace(format(abs(datum.value), '.3~s'), 'G', 'B')",
    )


#: Words under bars; slanted where a phone leaves no room for them side by side.
NARROW_AXIS = alt.Axis(
    labelOverlap=False,
    labelFlush=False,
    labelAngle=alt.ExprRef("width < 460 ? -40 : 0"),
    labelAlign=alt.ExprRef("width < 460 ? 'right' : 'center'"),
)
AXIS_BYTES = alt.Axis(title=None, tickCount=5, labelExpr="datum.value == 0 ? '0' : format(datum.value, '.3~s') + 'B'")
AXIS_COUNT = alt.Axis(title=None, tickCount=5, labelExpr="format(datum.value, datum.value < 10000 ? ',~r' : '.3~s')")
AXIS_PERCENT = alt.Axis(title=None, tickCount=5, format="~%")


def day_x(frame: pl.DataFrame, column: str = "day") -> alt.X:
    """Days, each label right under its bar; never more labels than fit a phone."""
    days = frame[column].n_unique()
    style = "%-d %b" if days < 150 else "%b %Y"
    return alt.X(
        f"{column}:T",
        title=None,
        axis=alt.Axis(format=style, tickCount=6, labelOverlap="greedy"),
        scale=alt.Scale(nice=False, padding=max(4, min(14, 300 / max(1, days)))),
    )


def spark(course: Sequence[float | None], colour: str, label: str) -> None:
    """A course without axes, gaps left open; what it says in numbers stands beside it."""
    scale = {"nice": False, "zero": False}
    spec = {
        "height": 48,
        # Streamlit writes into it: a plain number breaks the page
        "padding": {"left": 2, "right": 2, "top": 2, "bottom": 2},
        "autosize": {"type": "fit", "contains": "padding"},
        "background": "transparent",
        "config": {"view": {"stroke": None}},
        "data": {"values": [{"step": step, "value": value} for step, value in enumerate(course)]},
        "mark": {"type": "line", "color": colour, "strokeWidth": 1.8, "aria": False, "tooltip": False},
        "encoding": {
            "x": {"field": "step", "type": "quantitative", "axis": None, "scale": scale},
            "y": {"field": "value", "type": "quantitative", "axis": None, "scale": {**scale, "padding": 3}},
        },
    }
    st.vega_lite_chart(spec=spec, width="stretch", alt=f"Course of {label}")


def bar_width(slots: int) -> alt.ExprRef:
    """Two thirds of the room that a slot has, on any screen."""
    return alt.ExprRef(f"max(1, min(18, 0.66 * width / {max(1, slots)}))")


def bridge(steps: Sequence[tuple[str, int, str]], currency: str, colours: Palette) -> Chart:
    """A waterfall. Steps are (label, signed minor amount, kind) with kind `total` or a movement."""
    rows: list[dict[str, Any]] = []
    level = 0.0
    for position, (label, minor, kind) in enumerate(steps):
        amount = formats.major(minor, currency)
        start, end = (0.0, amount) if kind == "total" else (level, level + amount)
        level = end
        text = formats.money(minor, currency, signed=kind != "total")
        rows.append(
            {
                "label": label,
                "start": start,
                "end": end,
                "top": max(start, end),
                "text": text,
                "kind": kind,
                "position": position,
                "exact": formats.money(minor, currency, exact=True, signed=kind != "total"),
                "next": steps[position + 1][0] if position + 1 < len(steps) else label,
            }
        )
    frame = pl.DataFrame(rows)
    totals = [r["end"] for r in rows if r["kind"] == "total"]
    low = min(min(r["start"], r["end"]) for r in rows if r["kind"] != "total") if len(rows) > len(totals) else 0
    # movements are small beside the totals: the axis starts below the lowest step, which the note says
    spread = max(r["top"] for r in rows) - low
    floor = max(0.0, low - spread * 0.35) if low > spread else 0.0
    frame = frame.with_columns(pl.when(pl.col("kind") == "total").then(floor).otherwise(pl.col("start")).alias("start"))
    palette = {"total": colours.main, **colours.movements}
    order = [step[0] for step in steps]
    base = alt.Chart(frame).encode(x=alt.X("label:N", sort=order, title=None, axis=NARROW_AXIS))
    scale = alt.Scale(domain=[floor, max(r["top"] for r in rows) + spread * 0.12], nice=False, zero=False)
    bars = base.mark_bar(size=alt.ExprRef(f"max(8, min(48, 0.6 * width / {len(rows)}))"), cornerRadius=2).encode(
        y=alt.Y("start:Q", scale=scale, axis=axis_money(currency)),
        y2="end:Q",
        color=alt.Color("kind:N", scale=alt.Scale(domain=list(palette), range=list(palette.values())), legend=None),
        tooltip=[alt.Tooltip("label:N", title="Step"), alt.Tooltip("exact:N", title="Amount")],
    )
    links = base.mark_rule(strokeDash=[2, 3], color=colours.quiet).encode(y=alt.Y("end:Q", scale=scale), x2="next:N")
    text = base.mark_text(dy=-9, fontWeight=600, color=colours.text).encode(
        y=alt.Y("top:Q", scale=scale), text="text:N"
    )
    return alt.layer(links, bars, text).properties(height=HEIGHT)


def bridge_is_cut(opening: int, steps: Sequence[int]) -> bool:
    level, low, high = opening, opening, opening
    for step in steps:
        level += step
        low, high = min(low, level), max(high, level)
    return low > high - low


def movements(frame: pl.DataFrame, currency: str, colours: Palette, incomplete: date | None) -> Chart:
    """Gains above zero, losses below, the net as a line. Columns: month_date, movement, amount_minor."""
    rows = frame.with_columns(
        (pl.col("amount_minor") / 10 ** formats.exponent(currency)).alias("amount"),
        (pl.col("month_date") == incomplete if incomplete else pl.lit(False)).alias("open"),
        pl.col("movement")
        .replace_strict({k: formats.words(k) for k in colours.movements}, default="Other")
        .alias("kind"),
    )
    kinds = [formats.words(k) for k in colours.movements]
    net = rows.group_by("month_date").agg(pl.col("amount").sum()).sort("month_date")
    x = alt.X(
        "yearmonth(month_date):T",
        title=None,
        bandPosition=0.5,
        axis=alt.Axis(format="%b %y", labelOverlap="greedy", tickCount=8),
    )
    bars = (
        alt.Chart(rows)
        .mark_bar(width={"band": 0.75})
        .encode(
            x=x,
            y=alt.Y("sum(amount):Q", axis=axis_money(currency)),
            color=alt.Color(
                "kind:N",
                scale=alt.Scale(domain=kinds, range=list(colours.movements.values())),
                sort=kinds,
                legend=alt.Legend(columns=3),
            ),
            order=alt.Order("kind:N"),
            opacity=alt.condition("datum.open", alt.value(0.45), alt.value(1)),
            tooltip=[
                alt.Tooltip("yearmonth(month_date):T", title="Month", format="%B %Y"),
                alt.Tooltip("kind:N", title="Movement"),
                alt.Tooltip("sum(amount):Q", title="Amount", format=",.0f"),
            ],
        )
    )
    line = (
        alt.Chart(net)
        .mark_line(color=colours.text, strokeWidth=1.5, point={"size": 26, "color": colours.text})
        .encode(
            x=x,
            y="amount:Q",
            tooltip=[
                alt.Tooltip("yearmonth(month_date):T", title="Month", format="%B %Y"),
                alt.Tooltip("amount:Q", title="Net", format=",.0f"),
            ],
        )
    )
    zero = alt.Chart(pl.DataFrame({"y": [0]})).mark_rule(color=colours.quiet).encode(y="y:Q")
    return alt.layer(bars, zero, line).properties(height=HEIGHT + 20)


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
