"""The first row of a page: governed figures with unit, change, good direction, course and their definition.

Belongs here: reading figures by metric name and drawing them. Does not belong here: what a metric means
(warehouse.metrics). Figures that no metric defines are drawn with the definition that the page gives.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import duckdb
import streamlit as st

from apps.streamlit.components import charts, data, formats, theme
from apps.streamlit.components.page import View
from nexus.errors import NexusError, NotFoundError
from warehouse.metrics import Definition

Good = Literal["up", "down", "none"]


@dataclass(frozen=True, slots=True)
class Governed:
    """A metric of the semantic layer. `monthly` ones are shown for the last complete month; `lost` turns a loss that
    is counted below zero into an amount above it."""

    metric: str
    label: str | None = None
    by_currency: bool = False
    monthly: bool = False
    lost: bool = False
    where: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Plain:
    """A figure that the page itself explains."""

    label: str
    value: str
    meaning: str
    note: str = ""
    delta: str | None = None
    good: Good = "none"
    course: tuple[float | None, ...] = ()
    alarm: bool = False


@dataclass(frozen=True, slots=True)
class Figure:
    """A figure ready to be drawn."""

    label: str
    value: str
    delta: str | None
    against: str
    good: Good
    course: tuple[float | None, ...]
    definition: Definition | None
    meaning: str = ""
    alarm: bool = False


def row(view: View, wanted: Sequence[Governed | Plain]) -> None:
    """Three to five figures side by side, under one another on a narrow screen."""
    figures = figures_of(view, [spec for spec in wanted if isinstance(spec, Governed)])
    with st.container(horizontal=True, gap="small", key="figures"):
        for index, spec in enumerate(wanted):
            figure = figures[spec] if isinstance(spec, Governed) else _plain(spec)
            _card(view, figure, index)


def figures_of(view: View, wanted: Sequence[Governed]) -> dict[Governed, Figure]:
    """All figures, asking once for those that share a filter."""
    found: dict[Governed, Figure] = {}
    groups: dict[tuple[tuple[str, str], ...], list[Governed]] = {}
    for spec in wanted:
        if spec.monthly:
            found[spec] = _monthly(view, spec)
        else:
            groups.setdefault(tuple(sorted(_where(view, spec).items())), []).append(spec)
    for where, specs in groups.items():
        try:
            series = data.governed(
                [s.metric for s in specs], view.version, dict(where), (view.start, view.end), view.before
            )
        except (NexusError, duckdb.Error) as error:
            series = {}
            for spec in specs:
                found[spec] = _unknown(spec, error)
        for spec in specs:
            if spec.metric in series:
                found[spec] = _figure(view, spec, series[spec.metric])
    return found


def questions(wanted: Sequence[Governed]) -> Iterator[tuple[tuple[str, ...], str | None, tuple[str, ...]]]:
    """What drawing these figures asks of the metric engine: metrics, grain, names of filters."""
    groups: dict[tuple[str, ...], list[str]] = {}
    for spec in wanted:
        filters = tuple(sorted({"workspace", *dict(spec.where), *(["currency"] if spec.by_currency else [])}))
        if spec.monthly:
            yield (spec.metric,), "month", filters
        else:
            groups.setdefault(filters, []).append(spec.metric)
    for filters, names in groups.items():
        for grain in (None, "day", "week", "month"):
            yield tuple(names), grain, filters


def _where(view: View, spec: Governed) -> dict[str, str]:
    where = {"workspace": view.workspace, **dict(spec.where)}
    if spec.by_currency and view.currency:
        where["currency"] = view.currency
    return where


def _figure(view: View, spec: Governed, series: data.Series) -> Figure:
    known = data.definition(spec.metric, view.version)
    if spec.lost:
        now, before, *course = (None if v is None else -v for v in (series.now, series.before, *series.course))
        series = data.Series(now, before, tuple(course))
    now, before = series.now, series.before
    if known.unit == "count" and now is None:
        now = 0
    currency = view.currency if known.unit == "minor" else None
    good: Good = "down" if known.good_direction == "down" or spec.lost else "up"
    against = f"was {formats.value(before, known.unit, currency)}" if before is not None else "nothing to compare with"
    return Figure(
        label=spec.label or known.label,
        value=formats.value(now, known.unit, currency),
        delta=formats.change(now, before, known.unit),
        against=against,
        good=good,
        course=series.course,
        definition=known,
    )


def _monthly(view: View, spec: Governed) -> Figure:
    """The last complete month of the period against the month before it; its course over a year."""
    try:
        frame = data.monthly(spec.metric, view.version, _where(view, spec), view.end)
        known = data.definition(spec.metric, view.version)
    except (NexusError, duckdb.Error) as error:
        return _unknown(spec, error)
    complete = data.complete_buckets(frame, "month", (view.clock.first.replace(day=1), view.end)).drop_nulls(
        spec.metric
    )
    if complete.is_empty():
        return Figure(spec.label or known.label, formats.DASH, None, "no complete month yet", "none", (), known)
    values = [float(v) for v in complete[spec.metric]]
    months = complete["period"].to_list()
    delta = formats.change(values[-1], values[-2], known.unit) if len(values) > 1 else None
    before = f"was {formats.value(values[-2], known.unit)} in {months[-2]:%b}" if len(values) > 1 else "first month"
    good: Good = "down" if known.good_direction == "down" else "up"
    label = f"{spec.label or known.label} · {formats.month(months[-1])}"
    return Figure(label, formats.value(values[-1], known.unit), delta, before, good, tuple(values), known)


def _plain(spec: Plain) -> Figure:
    return Figure(spec.label, spec.value, spec.delta, spec.note, spec.good, spec.course, None, spec.meaning, spec.alarm)


def _unknown(spec: Governed, error: Exception) -> Figure:
    """A metric that cannot be answered says why instead of showing a number."""
    why = "not defined in this version" if isinstance(error, NotFoundError) else "could not be read"
    label = spec.label or formats.words(spec.metric)
    return Figure(label, formats.DASH, None, why, "none", (), None, str(error).splitlines()[0])


def _card(view: View, figure: Figure, index: int) -> None:
    with st.container(border=True, width="stretch", height="stretch", gap="xxsmall", key=f"figure-{index}"):
        course = [value for value in figure.course if value is not None]
        zero = figure.delta == "0"
        st.metric(
            figure.label,
            figure.value,
            # the sign decides arrow and colour, and only the ASCII one is understood
            delta=0 if zero else (figure.delta or "").replace(formats.MINUS, "-") or None,
            delta_color=_colour(figure),
        )
        if len(course) > 2:
            colours = theme.current()
            tints = {"better": colours.good, "worse": colours.bad, "": colours.quiet}
            charts.spark(figure.course, tints[direction(figure)], figure.label)
        st.caption(formats.md(figure.against) if figure.against else "\u00a0")
        _explain(view, figure, index)


def direction(figure: Figure) -> Literal["better", "worse", ""]:
    """Whether the change is to the good; nothing where it cannot be said."""
    if not figure.delta or figure.delta == "0" or figure.good == "none":
        return ""
    fell = figure.delta.startswith(formats.MINUS)
    return "better" if fell == (figure.good == "down") else "worse"


def _colour(figure: Figure) -> Literal["normal", "inverse", "off"]:
    return {"up": "normal", "down": "inverse", "none": "off"}[figure.good]  # type: ignore[return-value]


def _explain(view: View, figure: Figure, index: int) -> None:
    """Definition, owner, target and SQL, compiled only when somebody opens it."""
    opened = st.popover(
        "Definition", type="tertiary", key=f"definition-{index}", on_change="rerun", icon=":material/info:"
    )
    if not opened.open:
        return
    with opened:
        known = figure.definition
        if known is None:
            st.markdown(f"**{figure.label}**")
            st.markdown(figure.meaning)
            return
        st.markdown(f"**{known.label}** · `{known.name}`")
        st.markdown(known.description)
        better = {"up": "higher is better", "down": "lower is better"}.get(known.good_direction, "")
        target = f" · target {formats.value(known.target, known.unit)}" if known.target is not None else ""
        st.caption(f"Owner: {known.owner} · {better}{target}")
        try:
            sql = data.definition_sql(known.name, view.version, str(data.settings().home))
        except (NexusError, duckdb.Error) as error:
            st.caption(f"The SQL could not be made: {error}")
            return
        st.code(sql, language=None, height=260)
