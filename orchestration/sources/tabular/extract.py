"""A mapping as SQL: rows of a file, one JSON object each, become canonical documents.

Belongs here: the closed set of expressions. Does not belong here: what a mapping may say (mapping.py).
A value that an expression cannot read stays as it is, so that the contract turns the row away and shows it.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import chain

from nexus.contracts import Column, Dialect, Kind, Source, Table
from orchestration.sources.tabular.contract import SOURCE
from orchestration.sources.tabular.mapping import Condition, Fact, Mapping, Value

#: Wide enough for any amount; with a power of ten, or two factors multiplied, no product can overflow.
_EXACT, _FACTOR = "decimal(30, 9)", "decimal(18, 6)"
_ISO = "'%Y-%m-%dT%H:%M:%S.%fZ'"
_CODE = r"(?:[A-Za-z]{2,3}\.?)?"
#: What makes an amount a number, one after the other: below zero as accountants write it, (12.00) and 12.00-, gets its sign
#: in front; signs and codes of currencies go, and the blanks between them and the number.
_MONEY_MARKS = (
    (r"\p{Sc}", ""),
    (rf"^\s*{_CODE}\s*\(([^()]*)\)\s*{_CODE}\s*$", r"-\1"),
    (rf"^([^-]*)-\s*{_CODE}\s*$", r"-\1"),
    (rf"^\s*([+-]?)\s*{_CODE}\s*", r"\1"),
    (rf"\s*{_CODE}\s*$", ""),
)
#: On which side of an account an amount stands says nothing of its sign to whoever does not know the account.
_SIDES = r"(?i)(^|[^a-z])(cr|dr)\b"
#: Seconds from 0001-01-01 to 9999-12-31: outside of these a number is no time.
_SECONDS = (-62_135_596_800, 253_402_300_799)


def source_for(mapping: Mapping) -> Source:
    """The tabular source that reads files of this mapping; landing treats it like any other."""
    tables = tuple(_table(mapping, name, fact) for name, fact in mapping.facts.items())
    readers = {"*": mapping.reader} if mapping.reader else SOURCE.readers
    return replace(
        SOURCE, title=mapping.title, description=mapping.description, tables=tables, readers=readers, kind=None,
        dialect=Dialect(mapping.encoding, mapping.delimiter, mapping.quote),
    )  # fmt: skip


def _table(mapping: Mapping, name: str, fact: Fact) -> Table:
    table = SOURCE.table(name)
    return replace(table, id=fact.id or table.id, select=select(mapping, table, fact))


def select(mapping: Mapping, table: Table, fact: Fact) -> str:
    """`_line, _text, doc` of the records of one fact.

    All columns are taken out of a row in one pass. Only a row with columns that the mapping does not name is taken
    apart once more: they stay beside the canonical ones, or in `attributes` if they are called like one of these.
    """
    named = [*mapping.uses, *(a for a in mapping.attributes if a not in mapping.uses)]
    row = _Row(mapping, {name: f"_c{i}" for i, name in enumerate(named, 1)})
    nulls = ", ".join(map(_literal, sorted({"", "NaN", "null", *mapping.nulls})))
    texts = ", ".join(
        f"case when trim(_c[{i}]) not in ({nulls}) then _c[{i}] end as _c{i}" for i in range(1, len(named) + 1)
    )
    members = [f"'mapping_name', {_literal(mapping.name)}"]
    members += [f"{_literal(name)}, {_value(row, table.column(name), v)}" for name, v in fact.columns.items()]
    kept = _object({name: row.read(name) for name in mapping.attributes})
    clashing = [c.name for c in table.columns if c.name not in named]
    spent = ", ".join(f"{_literal(name)}, null" for name in (*named, *clashing))
    clashes = _object({name: f"doc->>{_path(name)}" for name in clashing})
    clashes = f"case when {clashes} is null then '{{}}'::json else json_object('attributes', {clashes}) end"
    rows = f"""
        select _line, _text, case when _unnamed = 0 then _record
            else json_merge_patch(json_merge_patch(doc, json_object({spent})), _record, {clashes}) end as doc
        from (
            select *, json_object({", ".join(members)}, 'attributes', {kept}) as _record
            from (
                select _line, _text, doc, {texts},
                    len(list_filter(json_keys(doc), k -> k not in ({", ".join(map(_literal, named))}))) as _unnamed
                from (
                    select _line, _text, doc, json_extract_string(doc, [{", ".join(map(_path, named))}]) as _c
                    from documents
                )
            )
            where {_condition(row, fact.when)}
        )"""
    if fact.distinct:
        return f"select min(_line) as _line, min_by(_text, _line) as _text, doc from ({rows}) group by doc"
    return rows


class _Row:
    """Where the columns of a row stand as text (null in all its spellings is null)."""

    def __init__(self, mapping: Mapping, places: dict[str, str]) -> None:
        self.mapping, self._places = mapping, places

    def read(self, column: str) -> str:
        return self._places[column]


def _object(members: dict[str, str]) -> str:
    """A JSON object of what is not null, or null."""
    if not members:
        return "null"
    pairs = ", ".join(f"{_literal(name)}, {value}" for name, value in members.items())
    return f"nullif(json_merge_patch('{{}}'::json, json_object({pairs})), '{{}}')"


def _condition(row: _Row, when: Condition | None) -> str:
    if when is None:
        return "true"
    found = row.read(when.column)
    return f"{found} in ({', '.join(map(_literal, when.values))})" if when.values else f"{found} is not null"


def _value(row: _Row, column: Column, value: Value) -> str:
    if value.constant is not None:
        return _literal(value.constant)
    if value.join is not None:
        parts = [f"coalesce({row.read(name)}, '')" for name in value.join]
        return f"concat_ws('/', {', '.join(parts)})"
    if value.multiply is not None:
        return _product(row, value)
    text = row.read(value.column or "")
    if value.case or value.prefix:
        return _choice(value, text)
    if column.kind in (Kind.timestamp, Kind.date) and (value.format or value.zone or row.mapping.zone):
        return _moment(value, text, value.zone or row.mapping.zone)
    if column.kind in (Kind.decimal, Kind.integer):
        return _amount(row, value, text)
    return _formed(value, text)


def _product(row: _Row, value: Value) -> str:
    first, second = (row.read(name) for name in value.multiply or ())
    factors = [f"try_cast({_number(row.mapping, text)} as {_FACTOR})" for text in (first, second)]
    product = f"cast({' * '.join(factors)} as varchar)"
    return f"coalesce({product}, {first} || ' × ' || {second})"


def _amount(row: _Row, value: Value, text: str) -> str:
    if value.form == "amount":
        text = _unmarked(text)
    number = _number(row.mapping, text)
    if not value.scale:
        return number
    digits = max(-value.scale, 0)
    power = f"cast({10.0**value.scale:.{digits}f} as decimal(7, {digits}))"
    too_large = f"case when try_cast({number} as double) is null then '' else ' is too large' end"
    return f"coalesce(cast(try_cast({number} as {_EXACT}) * {power} as varchar), {text} || {too_large})"


def _unmarked(text: str) -> str:
    """The number of an amount, or the text as it is where there is none."""
    number = text
    for pattern, rest in _MONEY_MARKS:
        number = f"regexp_replace({number}, {_literal(pattern)}, {_literal(rest)}, 'g')"
    return f"case when regexp_matches({text}, {_literal(_SIDES)}) then {text} else coalesce(nullif({number}, ''), {text}) end"


def _number(mapping: Mapping, text: str) -> str:
    """The text with a decimal point and no thousands signs."""
    text = f"trim({text})"
    if mapping.thousands:
        text = f"replace({text}, {_literal(mapping.thousands)}, '')"
    return f"replace({text}, ',', '.')" if mapping.decimal == "," else text


def _choice(value: Value, text: str) -> str:
    pairs = chain(
        ((f"{text} = {_literal(k)}", v) for k, v in value.case.items()),
        ((f"starts_with({text}, {_literal(k)})", v) for k, v in value.prefix.items()),
    )
    whens = " ".join(f"when {test} then {_literal(v)}" for test, v in pairs)
    rest = _literal(value.otherwise) if "otherwise" in value.model_fields_set else text
    return f"case {whens} when {text} is null then null else {rest} end"


def _moment(value: Value, text: str, zone: str | None) -> str:
    """The instant as RFC 3339 in UTC."""
    match value.format:
        case "epoch" | "epoch_ms":
            seconds = f"try_cast({text} as double)" + ("" if value.format == "epoch" else " / 1000")
            bounded = f"case when {seconds} between {_SECONDS[0]} and {_SECONDS[1]} then {seconds} end"
            moment = f"make_timestamp(cast(round({bounded} * 1000000) as bigint))"
        case None:
            moment = f"try_cast({text} as timestamp)"
        case pattern:
            moment = f"cast(try_strptime({text}, {_literal(pattern)}) as timestamp)"
    if not zone or value.format in ("epoch", "epoch_ms"):
        return f"coalesce(strftime({moment}, {_ISO}), {text})"
    # a clock that is put forward skips an hour: times in it come back as others, and are none
    local = _literal(zone)
    instant = f"timezone({local}, {moment})"
    gap = f"timezone({local}, {instant}) <> {moment}"
    utc = f"strftime(timezone('UTC', {instant}), {_ISO})"
    return f"case when {gap} then {text} || {_literal(f' does not exist in {zone}')} else coalesce({utc}, {text}) end"


def _formed(value: Value, text: str) -> str:
    match value.form:
        case "whole":
            return f"regexp_replace(trim({text}), '\\.0+$', '')"
        case "lower" | "upper" | "trim":
            return f"{value.form}({text})"
    return text


def _literal(text: str | None) -> str:
    return "null" if text is None else "'" + text.replace("'", "''") + "'"


def _path(column: str) -> str:
    return _literal('$."' + column.replace("\\", "\\\\").replace('"', '\\"') + '"')
