"""The period of an address: what is meant, what cannot be used, what it is compared with."""

from __future__ import annotations

from datetime import date, datetime

import pytest

from apps.streamlit.components import filters
from apps.streamlit.components.page import Clock

CLOCK = Clock(first=date(2026, 1, 1), as_of=datetime(2026, 10, 31, 23, 58), last=date(2026, 10, 31))


def test_without_an_address_the_last_thirty_complete_days() -> None:
    found = filters.period(None, CLOCK)
    assert (found.start, found.end, found.note) == (date(2026, 10, 2), date(2026, 10, 31), "")


@pytest.mark.parametrize(
    ("as_of", "last"),
    [(datetime(2026, 10, 31, 23, 5), date(2026, 10, 31)), (datetime(2026, 10, 31, 14, 0), date(2026, 10, 30))],
)
def test_a_day_that_has_not_ended_is_not_complete(as_of: datetime, last: date) -> None:
    assert filters.last_complete_day(as_of) == last


def test_two_days_in_an_address() -> None:
    found = filters.period("2026-03-01..2026-03-31", CLOCK)
    assert (found.key, found.start, found.end) == ("custom", date(2026, 3, 1), date(2026, 3, 31))
    assert filters.period("2026-03-31..2026-03-01", CLOCK) == found
    assert filters.period("2026-10-25..2026-10-31", CLOCK).key == "7d"


@pytest.mark.parametrize(
    "bad", ["yesterday", "2026-13-01..2026-01-02", "2026-01-01", "..", "2031-01-01..2031-02-01", "<script>"]
)
def test_what_cannot_be_used_is_said(bad: str) -> None:
    found = filters.period(bad, CLOCK)
    assert (found.start, found.end) == (date(2026, 10, 2), date(2026, 10, 31))
    assert "last 30 days" in found.note


def test_a_period_is_cut_to_the_data() -> None:
    found = filters.period("2025-11-01..2026-01-31", CLOCK)
    assert (found.start, found.end) == (date(2026, 1, 1), date(2026, 1, 31))


def test_the_comparison_has_as_many_days_or_is_absent() -> None:
    assert filters.comparison(date(2026, 10, 2), date(2026, 10, 31), CLOCK) == (date(2026, 9, 2), date(2026, 10, 1))
    assert filters.comparison(date(2026, 1, 5), date(2026, 2, 5), CLOCK) is None
