"""What the values of each column look like: numbers, times, yes and no, addresses.

Belongs here: looking at values. Does not belong here: names and what they mean (match.py).
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import duckdb

NULLS = ("NULL", "null", "None", "N/A", "n/a", "#N/A", "NA", "-", "--", "\\N", "(null)")
#: Dates and times of day that are tried, in any combination; the first that reads every value is taken.
_DATES = (
    "%d.%m.%Y", "%d/%m/%Y", "%m/%d/%Y", "%d-%m-%Y", "%m-%d-%Y", "%Y/%m/%d", "%Y.%m.%d", "%d.%m.%y", "%d/%m/%y",
    "%m/%d/%y", "%d %b %Y", "%d-%b-%Y", "%d-%b-%y", "%b %d, %Y", "%d %B %Y", "%B %d, %Y", "%d/%b/%Y",
)  # fmt: skip
_TIMES = (
    "", " %H:%M", " %H:%M:%S", " %H:%M:%S.%f", "T%H:%M:%S", " %I:%M %p", " %I:%M:%S %p", ", %H:%M", ", %H:%M:%S",
    ":%H:%M:%S %z", " %H:%M:%S %z",
)  # fmt: skip
_ISO = re.compile(r"\d{4}-\d{2}-\d{2}([T ]\d{2}:\d{2}(:\d{2}(\.\d+)?)?)?\s*(Z|[+-]\d{2}:?\d{2})?")
_MONEY = re.compile(r"[€$£¥₹]|^\s*[A-Za-z]{2,3}\.?\s*(?=[\d+-])|(?<=\d)\s*(?!(?i:cr|dr)\b)[A-Za-z]{2,3}\.?\s*$")
#: Amounts below zero as accountants write them: (12.00), 12.00-
_NEGATIVE = re.compile(r"[^()\d]{0,5}\((?P<within>[^()]*)\)[^()\d]{0,5}|(?P<before>[^-]*\d)-[^-\d]{0,5}")
_COMMA = re.compile(r"[+-]?(\d{1,3}([.' ]\d{3})+|\d+),\d+")
_POINT = re.compile(r"[+-]?(\d{1,3}([,' ]\d{3})+|\d+)\.\d+")
_GROUPED = re.compile(r"[+-]?\d{1,3}([.,' ])\d{3}(\1\d{3})*(?!\d)")
FLAGS = {"true", "false", "yes", "no", "y", "n", "t", "f", "0", "1", "ja", "nein", "oui", "non", "si", "sí"}
PATTERNS = {
    "email": re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+"),
    "ip": re.compile(r"\d{1,3}(\.\d{1,3}){3}|[0-9a-fA-F]*:[0-9a-fA-F:]+"),
    "currency": re.compile(r"(?i)eur|usd|gbp|chf|jpy|sek|nok|dkk|pln|czk|huf|cad|aud|nzd|brl|inr|cny|sgd|hkd|mxn|zar"),
    "country": re.compile(r"[A-Z]{2}"),
}


@dataclass(frozen=True, slots=True)
class NumberStyle:
    """How the table writes numbers."""

    decimal: str = "."
    thousands: str = ""
    is_mixed: bool = False


@dataclass(slots=True)
class Profile:
    """One column. `values` are those of the sample that are not null, as text.

    `formats` are the strptime patterns that read all of them ("" is ISO 8601, epoch and epoch_ms are numbers).
    """

    name: str
    values: list[str]
    total: int
    is_number: bool = False
    has_money_marks: bool = False
    is_flag: bool = False
    formats: tuple[str, ...] = ()
    has_zone: bool = False
    looks: frozenset[str] = field(default_factory=frozenset)

    @property
    def distinct(self) -> Counter[str]:
        return Counter(self.values)

    @property
    def is_unique(self) -> bool:
        return len(self.values) == self.total > 0 and len(set(self.values)) == self.total

    @property
    def is_float_id(self) -> bool:
        """Whole numbers that a spreadsheet wrote as 13085.0."""
        return bool(self.values) and all(re.fullmatch(r"\d+\.0", value) for value in self.values)

    @property
    def kind(self) -> str:
        """The word for people."""
        if not self.values:
            return "empty"
        if self.formats:
            return "time"
        if self.is_flag:
            return "yes/no"
        return "number" if self.is_number else next(iter(sorted(self.looks)), "text")


def nulls_of(rows: Sequence[dict[str, str | None]]) -> tuple[str, ...]:
    """Spellings of null besides the empty text that the rows hold."""
    found = {value.strip() for row in rows for value in row.values() if value}
    return tuple(spelling for spelling in NULLS if spelling in found)


def profile(rows: Sequence[dict[str, str | None]], nulls: Iterable[str]) -> tuple[list[Profile], NumberStyle]:
    """Every column of the rows, in their order, and how the table writes numbers."""
    blank = {"", *nulls}
    names = list(dict.fromkeys(name for row in rows for name in row))
    found = []
    for name in names:
        texts = [row.get(name) for row in rows]
        found.append(Profile(name, [t for t in texts if t is not None and t.strip() not in blank], len(rows)))
    style = number_style(found)
    with duckdb.connect() as engine:
        for column in found:
            _look(column, style, engine)
    return found, style


def number_style(columns: Iterable[Profile]) -> NumberStyle:
    """By the values that can be read in one way only: 1.234,56 and 0,5 on one side, 1,234.56 and 0.5 on the other."""
    commas = points = 0
    groups: Counter[str] = Counter()
    for column in columns:
        for value in map(bare, column.values):
            if _COMMA.fullmatch(value) and not _GROUPED.fullmatch(value):
                commas += 1
            elif _POINT.fullmatch(value) and not _GROUPED.fullmatch(value):
                points += 1
            if match := _GROUPED.match(value):
                groups[match[1]] += 1
    decimal = "," if commas > points else "."
    groups.pop(decimal, None)
    # 1.234 alone may be either: it groups only where the decimal sign is known to be the other one
    thousands = next((sign for sign, _ in groups.most_common() if sign in "' " or commas or points), "")
    return NumberStyle(decimal, thousands, bool(commas and points))


def bare(text: str) -> str:
    """Without signs and codes of currencies; (12.00) and 12.00- are -12.00."""
    if match := _NEGATIVE.fullmatch(text):
        text = match["within"] or match["before"] or ""
        return f"-{_MONEY.sub('', text.strip()).strip()}"
    return _MONEY.sub("", text).strip()


def _look(column: Profile, style: NumberStyle, engine: duckdb.DuckDBPyConnection) -> None:
    values = column.values
    if not values:
        return
    number = re.compile(
        rf"[+-]?(\d{{1,3}}({re.escape(style.thousands)}\d{{3}})+|\d+)({re.escape(style.decimal)}\d+)?([eE][+-]?\d+)?"
        if style.thousands
        else rf"[+-]?\d*({re.escape(style.decimal)})?\d+([eE][+-]?\d+)?"
    )
    column.is_number = _nearly_all(bool(number.fullmatch(bare(value))) for value in values)
    column.has_money_marks = column.is_number and any(_MONEY.search(v) or _NEGATIVE.fullmatch(v) for v in values)
    flags = [value.strip().lower() for value in values if value.strip().lower() in FLAGS]
    column.is_flag = len(flags) >= _enough(len(values)) and len(set(flags)) <= 2
    column.looks = frozenset(
        what for what, pattern in PATTERNS.items() if _nearly_all(bool(pattern.fullmatch(v.strip())) for v in values)
    )
    column.formats = _formats(column, engine)
    column.has_zone = any(re.search(r"(Z|[+-]\d{2}:?\d{2})$", value.strip()) for value in values)


def _formats(column: Profile, engine: duckdb.DuckDBPyConnection) -> tuple[str, ...]:
    values = column.values
    if _nearly_all(bool(_ISO.fullmatch(value.strip())) for value in values):
        return ("",)
    if column.is_number:
        for length, name in ((10, "epoch"), (13, "epoch_ms")):
            if all(re.fullmatch(rf"1\d{{{length - 1}}}", value) for value in values):
                return (name,)
        return ()
    if not _nearly_all(bool(re.search(r"\d.*[./: -]\S*\d", value)) for value in values):
        return ()
    engine.execute("create or replace temp table looked as select unnest(?::varchar[]) as v", [values])
    found = []
    for date in _DATES:
        for time in _TIMES:
            row = engine.execute(
                f"select count(*) from looked where year(try_strptime(v, '{date}{time}')) between 1900 and 2200"
            ).fetchone()
            if row and row[0] >= _enough(len(values)):
                found.append(f"{date}{time}")
    return tuple(found)


def _nearly_all(tests: Iterable[bool]) -> bool:
    results = list(tests)
    return sum(results) >= _enough(len(results))


def _enough(count: int) -> float:
    """One in twenty may be wrong, and one in a handful."""
    return min(0.95 * count, count - 1) if count >= 4 else count
