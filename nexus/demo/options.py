"""What a demo company is made from: its size, its seed and its window of time, checked before any work starts.

Belongs here: validation of the command's options and the arithmetic of the window.
Does not belong here: anything random, anything about folders.
"""

from __future__ import annotations

import calendar
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache

from nexus.errors import InputError

DAY = 86_400
WEEK = 7 * DAY
MAX_CUSTOMERS = 50_000
MAX_MONTHS = 60
DEFAULT_UNTIL = date(2026, 10, 31)


@dataclass(frozen=True, slots=True)
class Options:
    """Size, seed and last complete day of the company. Same options, same bytes."""

    customers: int = 2000
    months: int = 18
    seed: int = 7
    until: date = field(default=DEFAULT_UNTIL)

    def __post_init__(self) -> None:
        _between("customers", self.customers, 1, MAX_CUSTOMERS)
        _between("months", self.months, 2, MAX_MONTHS)
        _between("seed", self.seed, 0, 2**63 - 1)
        if not date(2010, 1, 1) <= self.until <= date(2100, 1, 1):
            raise InputError(f"until {self.until} lies outside 2010 to 2100", remedy="give a date such as 2026-10-31")

    @property
    def first_day(self) -> date:
        """First day of the first of `months` calendar months; the last month may be cut by `until`."""
        return _first_day(self.until, self.months)

    @property
    def start(self) -> int:
        """First second of the window, epoch UTC."""
        return epoch(self.first_day)

    @property
    def end(self) -> int:
        """First second after the window, epoch UTC."""
        return epoch(self.until) + DAY

    @property
    def days(self) -> int:
        return (self.end - self.start) // DAY

    @property
    def month_ends(self) -> list[date]:
        """Last day of each month of the window; the last one is `until`."""
        ends = []
        year, month = self.first_day.year, self.first_day.month
        for _ in range(self.months):
            ends.append(min(date(year, month, calendar.monthrange(year, month)[1]), self.until))
            year, month = (year + 1, 1) if month == 12 else (year, month + 1)
        return ends


@lru_cache(maxsize=4096)
def epoch(day: date) -> int:
    """First second of `day`, UTC."""
    return int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp())


def add_months(at: int, anchor: int, months: int) -> int:
    """`anchor` moved by whole calendar months, its day clamped to the month's length, as billing cycles do.

    `at` is unused by the arithmetic except to name the cycle in errors; cycles are always counted from the anchor so
    that a start on the 31st comes back to the 31st.
    """
    moment = datetime.fromtimestamp(anchor, UTC)
    index = moment.year * 12 + moment.month - 1 + months
    year, month = index // 12, index % 12 + 1
    day = min(moment.day, calendar.monthrange(year, month)[1])
    result = int(moment.replace(year=year, month=month, day=day).timestamp())
    if result <= at:
        raise ValueError(f"cycle {months} from {anchor} does not lie after {at}")
    return result


def day_of(at: int) -> date:
    return (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=int(at))).date()


@lru_cache(maxsize=64)
def _first_day(until: date, months: int) -> date:
    index = until.year * 12 + until.month - 1 - (months - 1)
    return date(index // 12, index % 12 + 1, 1)


def _between(name: str, value: int, low: int, high: int) -> None:
    if not low <= value <= high:
        raise InputError(f"{name} is {value}", remedy=f"give {name} between {low} and {high}")
