"""Amounts that move: from one level to another, and month by month. In major units of one currency."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any

import altair as alt
import polars as pl

from apps.streamlit.components import formats
from apps.streamlit.components.charts.frame import HEIGHT, NARROW_AXIS, Chart, axis_money
from apps.streamlit.components.theme import Palette


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
