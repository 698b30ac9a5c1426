"""The only door of the pages to the warehouse: named reads of one published version, kept by (version, question).

Belongs here: which version is read, caching, turning results into frames. Does not belong here: the questions (reads/).
A result never changes within a version, so what was read once is never read again until the next publish.
"""

from __future__ import annotations

import re
import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, TypeVar

import duckdb
import polars as pl
import streamlit as st

from apps.streamlit.components import metric_sql
from nexus.errors import NexusError
from nexus.settings import Settings, get_settings
from warehouse import marts, metrics, versions

T = TypeVar("T")
Params = Mapping[str, Any]


#: Questions remembered for the next version: somewhat more than all pages ask at once.
MOST = 256
#: Newest last. Their answers are kept by version; what was asked of one will be asked of the next.
_questions: OrderedDict[tuple[Callable[..., Any], tuple[Any, ...]], None] = OrderedDict()
_remembering = threading.Lock()


def settings() -> Settings:
    return get_settings()


def _asked(question: Callable[..., T], version: int, *about: Any) -> T:
    with _remembering:
        _questions[question, about] = None
        _questions.move_to_end((question, about))
        while len(_questions) > MOST:
            _questions.popitem(last=False)
    return question(version, str(settings().home), *about)


def ask_again(version: int) -> int:
    """Asks a version what was last asked of any, so that nobody waits for it; how many questions it could answer."""
    with _remembering:
        questions = list(reversed(_questions))
    answered = 0
    for question, about in questions:
        try:
            question(version, str(settings().home), *about)
        except (NexusError, duckdb.Error):
            # a relation or metric that this version does not have: the page that shows it says so
            continue
        answered += 1
    return answered


def version() -> int:
    """Number of the version that `current` names now. Raises NotFoundError while nothing is published."""
    return marts.reader(settings()).version


@st.cache_data(max_entries=8, ttl=20, show_spinner=False)
def all_versions(current: int, home: str) -> list[versions.Version]:
    """Every version the ledger knows, newest first. `current` is part of the question: a publish asks anew."""
    return versions.list_versions(settings())


def pinned(version: int) -> int | None:
    """What to ask for: nothing for the current version, which needs no ledger; its number for an older one."""
    return None if marts.reader(settings()).version == version else version


def read(sql: str, version: int, **params: Any) -> pl.DataFrame:
    """Rows of `sql` over one version; `$name` stands for a parameter."""
    return _asked(_read, version, sql, tuple(sorted(params.items())))


@st.cache_data(max_entries=1024, show_spinner=False)
def _read(version: int, home: str, sql: str, params: tuple[tuple[str, Any], ...]) -> pl.DataFrame:
    named = {name: value for name, value in params if re.search(rf"\${name}\b", sql)}
    return marts.query(sql, named or None, as_of=pinned(version), settings=settings())


@st.cache_data(max_entries=64, show_spinner=False)
def _columns(version: int, home: str) -> dict[str, set[str]]:
    rows = marts.query(
        "select schema_name || '.' || table_name as relation, column_name as name"
        " from duckdb_columns() where database_name = 'nexus'",
        as_of=pinned(version),
        settings=settings(),
    )
    found: dict[str, set[str]] = {}
    for relation, name in rows.iter_rows():
        found.setdefault(relation, set()).add(name)
    return found


def has(version: int, relation: str, column: str | None = None) -> bool:
    """Whether a version holds a relation (`marts.fct_prediction`), and in it a column."""
    columns = _columns(version, str(settings().home)).get(relation)
    return columns is not None and (column is None or column in columns)


@dataclass(frozen=True, slots=True)
class Series:
    """A governed metric: its figure for a period, the one it is compared with, and its course."""

    now: float | None
    before: float | None
    course: tuple[float | None, ...]


def bucket(start: date, end: date) -> str:
    """The grain at which a period of this length is drawn."""
    days = (end - start).days + 1
    return "day" if days <= 62 else "week" if days <= 200 else "month"


def governed(
    names: Sequence[str],
    version: int,
    where: Mapping[str, str],
    period: tuple[date, date],
    before: tuple[date, date] | None,
) -> dict[str, Series]:
    """Metrics of one filter: figure, comparison and course, all from their one definition."""
    return _asked(_governed, version, tuple(names), tuple(sorted(where.items())), period, before)


@st.cache_data(max_entries=512, show_spinner=False)
def _governed(
    version: int,
    home: str,
    names: tuple[str, ...],
    where: tuple[tuple[str, str], ...],
    period: tuple[date, date],
    before: tuple[date, date] | None,
) -> dict[str, Series]:
    grain = bucket(*period)

    def ask(days: tuple[date, date], by: str | None) -> pl.DataFrame:
        return metric_sql.query(names, by, dict(where), days, pinned(version), settings())

    now, past = ask(period, None), ask(before, None) if before else None
    course = complete_buckets(ask(period, grain), grain, period)
    return {
        name: Series(
            _single(now, name),
            _single(past, name) if past is not None else None,
            tuple(None if value is None else float(value) for value in course[name]),
        )
        for name in names
    }


def monthly(name: str, version: int, where: Mapping[str, str], until: date, months: int = 13) -> pl.DataFrame:
    """A metric by month (`period`, the metric) up to the month that holds `until`."""
    return _asked(_monthly, version, name, tuple(sorted(where.items())), until, months)


@st.cache_data(max_entries=256, show_spinner=False)
def _monthly(
    version: int, home: str, name: str, where: tuple[tuple[str, str], ...], until: date, months: int
) -> pl.DataFrame:
    first = (until.replace(day=1) - timedelta(days=31 * (months - 1))).replace(day=1)
    return metric_sql.query((name,), "month", dict(where), (first, until), pinned(version), settings())


def complete_buckets(frame: pl.DataFrame, grain: str, period: tuple[date, date]) -> pl.DataFrame:
    """Without the first and last bucket where the period cuts them."""
    lengths = {"day": "1d", "week": "1w", "month": "1mo"}
    ends = pl.col("period").dt.offset_by(lengths[grain]).dt.offset_by("-1d")
    return frame.filter((pl.col("period") >= period[0]) & (ends <= period[1])) if grain != "day" else frame


def _single(frame: pl.DataFrame, name: str) -> float | None:
    """The figure of the only row. Several rows would be currencies, which are never added up."""
    values = [value for value in frame[name] if value is not None]
    return float(values[0]) if len(values) == 1 else None


def definition(name: str, version: int) -> metrics.Definition:
    """What a metric means, without its SQL: quick."""
    return _definitions(version, str(settings().home))[name]


@st.cache_data(max_entries=16, show_spinner=False)
def _definitions(version: int, home: str) -> dict[str, metrics.Definition]:
    return {known.name: known for known in metrics.definitions(settings())}


@st.cache_data(max_entries=64, show_spinner=False)
def definition_sql(name: str, version: int, home: str) -> str:
    """The SQL that computes a metric by month."""
    return metrics.definition(name, settings()).sql
