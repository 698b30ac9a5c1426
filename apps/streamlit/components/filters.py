"""The filters of the header. They live in the address: a link opens the same view, a bad one says what was wrong.

Belongs here: reading the address, the widgets, the comparison period. Does not belong here: what is shown.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import streamlit as st

from apps.streamlit.components import formats
from apps.streamlit.components.page import Clock

PRESETS = {"7d": 7, "30d": 30, "90d": 90, "365d": 365}
LABELS = {"7d": "Last 7 days", "30d": "Last 30 days", "90d": "Last 90 days", "365d": "Last 12 months"}
DEFAULT = "30d"
CUSTOM = "custom"


@dataclass(frozen=True, slots=True)
class Period:
    """Whole days, both included. `note` says what of the address could not be used."""

    key: str
    start: date
    end: date
    note: str = ""


def last_complete_day(as_of: object) -> date:
    """The last day that the data cover whole: the day of the newest record if that lies in the day's last hour."""
    from datetime import datetime

    assert isinstance(as_of, datetime)
    return as_of.date() if as_of.hour == 23 else as_of.date() - timedelta(days=1)


def period(text: str | None, clock: Clock) -> Period:
    """`30d` or `2026-01-01..2026-01-31`; anything else is the default with a note."""
    if not text:
        text = DEFAULT
    if text in PRESETS:
        return Period(text, clock.last - timedelta(days=PRESETS[text] - 1), clock.last)
    fallback = Period(DEFAULT, clock.last - timedelta(days=PRESETS[DEFAULT] - 1), clock.last)
    try:
        first, last = (date.fromisoformat(part) for part in text.split("..", 1))
    except ValueError:
        note = f"The address asked for the period “{formats.md(text[:40])}”, which is not one (e.g. `30d` or `2026-01-01..2026-01-31`)."
        return Period(fallback.key, fallback.start, fallback.end, note + " Showing the last 30 days.")
    if first > last:
        first, last = last, first
    if first > clock.as_of.date() or last < clock.first:
        note = f"There are no data from {formats.span(first, last)}: they reach from {formats.span(clock.first, clock.last)}."
        return Period(fallback.key, fallback.start, fallback.end, note + " Showing the last 30 days.")
    for key, days in PRESETS.items():
        if last == clock.last and (last - first).days + 1 == days:
            return Period(key, first, last)
    return Period(CUSTOM, max(first, clock.first), min(last, clock.as_of.date()))


def comparison(start: date, end: date, clock: Clock) -> tuple[date, date] | None:
    """The days before, as many; None where the data do not reach back that far."""
    length = end - start
    before = (start - length - timedelta(days=1), start - timedelta(days=1))
    return before if before[0] >= clock.first else None


def choose(name: str, label: str, options: Sequence[str], labels: Mapping[str, str] | Callable[[str], str]) -> str:
    """A select box whose value is the parameter `name` of the address. An unknown value is said and not used."""
    asked = remembered(name)
    value = asked if asked is not None and asked in options else options[0]
    if asked and asked not in options:
        note(
            f"The address asked for {label.lower()} “{formats.md(asked[:40])}”, which does not exist. Showing {value}."
        )
    widget = f"filter-{name}"
    st.session_state[widget] = value

    def remember() -> None:
        put(name, st.session_state[widget])
        if name == "workspace":
            # another workspace has other currencies and other days
            forget("currency", "period", "customer")

    show = labels if callable(labels) else lambda key: labels.get(key, key)
    st.selectbox(
        label, options, key=widget, format_func=show, on_change=remember, label_visibility="collapsed", width=170
    )
    put(name, value)
    return value


def choose_period(clock: Clock) -> Period:
    """Presets, or any two days."""
    chosen = period(remembered("period"), clock)
    if chosen.note:
        note(chosen.note)
    st.session_state["filter-period"] = chosen.key

    def remember() -> None:
        key = st.session_state["filter-period"]
        current = period(remembered("period"), clock)
        put("period", f"{current.start}..{current.end - timedelta(days=1)}" if key == CUSTOM else key)

    def remember_days() -> None:
        days = st.session_state["filter-days"]
        if len(days) == 2:
            put("period", f"{days[0]}..{days[1]}")

    options = [*PRESETS, CUSTOM]
    labels = {**LABELS, CUSTOM: "Chosen days"}
    st.selectbox(
        "Period",
        options,
        key="filter-period",
        format_func=labels.__getitem__,
        on_change=remember,
        label_visibility="collapsed",
        width=170,
    )
    if chosen.key == CUSTOM:
        st.session_state["filter-days"] = (chosen.start, chosen.end)
        st.date_input(
            "Days",
            key="filter-days",
            on_change=remember_days,
            min_value=clock.first,
            max_value=clock.as_of.date(),
            format="YYYY-MM-DD",
            label_visibility="collapsed",
            width=230,
        )
    put("period", chosen.key if chosen.key != CUSTOM else f"{chosen.start}..{chosen.end}")
    return chosen


def remembered(name: str) -> str | None:
    """What the address says, else what this visitor chose on the page before."""
    value = st.query_params.get(name)
    return value if value is not None else st.session_state.setdefault("chosen", {}).get(name)


def put(name: str, value: str) -> None:
    """Into the address and, for the next page, into memory."""
    st.session_state.setdefault("chosen", {})[name] = value
    if st.query_params.get(name) != value:
        st.query_params[name] = value


def forget(*names: str) -> None:
    """Out of the address and out of memory."""
    for name in names:
        st.session_state.setdefault("chosen", {}).pop(name, None)
        if name in st.query_params:
            del st.query_params[name]


def note(text: str) -> None:
    """Collected while the header is drawn, shown under it."""
    st.session_state.setdefault("notes", []).append(text)


def take_notes() -> list[str]:
    return list(dict.fromkeys(st.session_state.pop("notes", [])))
