"""What `nexus demo` accepts, and how it counts months and days."""

from __future__ import annotations

from datetime import date

import pytest

from nexus.demo import Options
from nexus.demo.options import add_months, epoch
from nexus.errors import InputError


@pytest.mark.parametrize(
    "bad",
    [{"customers": 0}, {"customers": 50_001}, {"months": 1}, {"months": 61}, {"seed": -1}, {"until": date(1999, 1, 1)}],
)
def test_an_unusable_option_is_refused_with_what_to_give(bad: dict[str, object]) -> None:
    with pytest.raises(InputError) as caught:
        Options(**bad)  # type: ignore[arg-type]
    assert next(iter(bad)) in caught.value.message
    assert caught.value.remedy


def test_the_window_covers_whole_months_up_to_a_last_day() -> None:
    whole, cut = Options(), Options(months=3, until=date(2026, 3, 10))
    assert (whole.first_day, whole.days) == (date(2025, 5, 1), 549)
    assert cut.first_day == date(2026, 1, 1)
    assert cut.month_ends == [date(2026, 1, 31), date(2026, 2, 28), date(2026, 3, 10)]


def test_a_cycle_that_begins_on_the_31st_comes_back_to_the_31st() -> None:
    anchor = epoch(date(2026, 1, 31))
    assert [add_months(anchor, anchor, n) for n in (1, 2)] == [epoch(date(2026, 2, 28)), epoch(date(2026, 3, 31))]
