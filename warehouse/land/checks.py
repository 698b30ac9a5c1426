"""SQL of checks: what is wrong with a value, as a truth or as a sentence for people.

Belongs here: expressions over one row. Does not belong here: casts (casts.py), whole rows (rows.py).
"""

from __future__ import annotations

from nexus.contracts import Column, Kind, Table
from warehouse.land.casts import usual
from warehouse.land.paths import json_path
from warehouse.land.sql import literal, quoted

_UNFIT = r"(^|[^\\])(\\\\)*\\u0000|(^|[:\[,])\s*-?(NaN|Infinity)"
#: Times that every program downstream can hold.
_FIRST_TIME, _LAST_TIME = "timestamp '0001-01-01'", "timestamp '9999-12-31 23:59:59.999999'"
#: The text may be an object or an array; comparing is cheaper than taking out the first character.
_NESTED = r"({0} >= '{{' and {0} < '|') or ({0} >= '[' and {0} < '\')"
#: Or it holds NUL.
_SUSPECT = _NESTED + " or contains({0}, chr(0))"


def type_broken(column: Column, raw: str, value: str) -> str:
    """Whether there is a value and it is not of the column's type."""
    if column.kind is Kind.json:
        return "false"
    if column.kind is Kind.string:
        path = literal(json_path(column))
        return (
            f"case when {raw}[1] in ('{{', '[') then coalesce(json_type(doc, {path}) in ('OBJECT', 'ARRAY'), false) "
            f"else coalesce(contains({raw}, chr(0)), false) end"
        )
    return f"case when {value} is null and {raw} is not null then trim({raw}) <> '' else false end"


def problem(column: Column, raw: str, value: str, is_id: bool) -> str:
    """A sentence for people about what is wrong with the column, or null."""
    name = column.name
    found = f"case when length({raw}) > 60 then left({raw}, 57) || '…' else {raw} end"
    written = f" ({column.format})" if column.kind in (Kind.timestamp, Kind.date) else ""
    cases = [f"when contains({raw}, chr(0)) then {literal(f'{name}: holds a NUL character')}"]
    cases += [
        f"when {type_broken(column, raw, value)} then "
        f"{literal(f'{name}: expected {column.kind.value}{written}, found ')} || '\"' || {found} || '\"'"
    ]
    if column.required or is_id:
        cases.append(f"when {value} is null then {literal(f'{name}: required, but missing')}")
    if column.values:
        none_of = literal('" is none of ' + ", ".join(column.values))
        cases.append(
            f"when {value} is not null and cast({value} as varchar) not in ({', '.join(map(literal, column.values))}) "
            f"then {literal(f'{name}: ')} || '\"' || {found} || {none_of}"
        )
    if column.minimum is not None:
        cases.append(
            f"when {value} < {column.minimum} then {literal(f'{name}: ')} || {found} || ' is below {column.minimum}'"
        )
    if column.kind is Kind.json:
        cases.append(
            f"when {_unfit_json(value)} then {literal(f'{name}: holds NaN, Infinity or a NUL character: no engine reads that')}"
        )
    if outside := _impossible(column, value):
        what = f"' is more than {column.limit:,} either way'" if column.limit else "' is an impossible time'"
        cases.append(f"when {outside} then {literal(f'{name}: ')} || {found} || {what}")
    return f"case {' '.join(cases)} end"


def _impossible(column: Column, value: str) -> str | None:
    """Whether the value is of its type, but so far out that what is reckoned with it later would fail."""
    if column.limit is not None:
        return f"coalesce({value} not between {-column.limit} and {column.limit}, false)"
    if column.kind in (Kind.timestamp, Kind.date):
        return f"coalesce({value} not between {_FIRST_TIME} and {_LAST_TIME}, false)"
    return None


def _unfit_json(value: str) -> str:
    """Whether a piece of JSON holds what PostgreSQL refuses to read: one such record would fail every build."""
    suspect = " or ".join(f"contains({value}, '{word}')" for word in (r"\u0000", "NaN", "Infinity"))
    return f"case when {suspect} then regexp_matches({value}, {literal(_UNFIT)}) else false end"


def any_bad(table: Table, raw: dict[str, str]) -> str:
    """Whether any column has a `problem`, worked out as cheaply as can be."""
    checks: list[str] = []
    for column in table.columns:
        value = quoted(column.name)
        if column.kind is Kind.string:
            text = raw[column.name]
            broken = type_broken(column, text, value)
            checks.append(f"case when {_SUSPECT.format(text)} then {broken} else false end")
        elif column.kind is not Kind.json:
            checks.append(type_broken(column, raw[column.name], value))
        checks += _unwanted(table, column)
    return _any(checks)


def odd(table: Table, raw: dict[str, str], escapes: bool) -> list[str]:
    """Whether the usual cast may not have the last word on a row; without `escapes` there is no backslash."""
    found = [r"contains(doc, '\u0000')"] if escapes else []
    for column in table.columns:
        text = raw[column.name]
        if column.kind is Kind.string:
            found.append(f"({_NESTED.format(text)})")
        elif usual(column, text):
            found.append(f"({quoted(column.name)} is null and {text} <> '')")
    return [f"coalesce({each}, false)" for each in found]


def usual_bad(table: Table, raw: dict[str, str]) -> str:
    """`any_bad` of rows that are not odd."""
    checks = [
        type_broken(column, raw[column.name], quoted(column.name))
        for column in table.columns
        if column.kind is not Kind.string and not usual(column, raw[column.name])
    ]
    for column in table.columns:
        checks += _unwanted(table, column)
    return _any(checks)


def _unwanted(table: Table, column: Column) -> list[str]:
    """What a value of the right type may not be."""
    value, checks = quoted(column.name), []
    if column.required or column.name == table.id:
        checks.append(f"{value} is null")
    if column.values:
        allowed = ", ".join(map(literal, column.values))
        checks.append(f"coalesce(cast({value} as varchar) not in ({allowed}), false)")
    if column.minimum is not None:
        checks.append(f"coalesce({value} < {column.minimum}, false)")
    if outside := _impossible(column, value):
        checks.append(outside)
    if column.kind is Kind.json:
        checks.append(_unfit_json(value))
    return checks


def _any(checks: list[str]) -> str:
    return " or ".join(f"({check})" for check in checks) or "false"
