"""What every chart is drawn with: title and note, axes, how wide a bar is, the theme of whoever looks."""

from __future__ import annotations

from collections.abc import Sequence

import altair as alt
import polars as pl
import streamlit as st

from apps.streamlit.components import formats, theme

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
