"""SQL that turns documents into typed, checked rows of one table.

Belongs here: text of expressions, made from a `Table` and nothing else. Does not belong here: running them.

One pass over each document extracts every column as text; casts and checks work on that.
"""

from __future__ import annotations

import json
import re
from typing import Any

from nexus.contracts import Column, Kind, Table

DUCKDB_TYPE: dict[Kind, str] = {
    Kind.string: "VARCHAR",
    Kind.integer: "BIGINT",
    Kind.decimal: "DECIMAL(38,9)",
    Kind.boolean: "BOOLEAN",
    Kind.timestamp: "TIMESTAMP",
    Kind.date: "DATE",
    Kind.json: "VARCHAR",
}
#: The text may be an object or an array, or holds NUL; comparing is cheaper than taking out the first character.
_SUSPECT = r"({0} >= '{{' and {0} < '|') or ({0} >= '[' and {0} < '\') or contains({0}, chr(0))"
#: Stands for the reason of a bad row until it is worked out.
MARK = "?"
_SEGMENT = re.compile(r'"((?:[^"\\]|\\.)*)"|\[(\d+|\*|#-\d+)\]|([^.\[\]"]+)')
#: Seconds from 0001-01-01 to 9999-12-31: outside of these a number is no time.
_FIRST_SECOND, _LAST_SECOND = -62_135_596_800, 253_402_300_799


_UNFIT = r"(^|[^\\])(\\\\)*\\u0000|(^|[:\[,])\s*-?(NaN|Infinity)"
#: Times that every program downstream can hold.
_FIRST_TIME, _LAST_TIME = "timestamp '0001-01-01'", "timestamp '9999-12-31 23:59:59.999999'"


def quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def segments(column: Column) -> list[str | int]:
    """The path of `column` as keys and array positions."""
    found: list[str | int] = []
    for key, position, plain in _SEGMENT.findall((column.path or column.name).removeprefix("$.")):
        found.append(f"[{position}]" if position else (key or plain))
    return found


def json_path(column: Column) -> str:
    """The path as DuckDB reads it, every key quoted."""
    path = column.path or column.name
    if path == "$":
        return "$"
    return "$" + "".join(s if str(s).startswith("[") else f'."{s}"' for s in segments(column))  # type: ignore[misc]


def named_fields(table: Table) -> set[str]:
    """Top-level fields that the contract names or reaches into."""
    return {str(segments(column)[0]) for column in table.columns if segments(column)}


def typed(column: Column, raw: str) -> str:
    """The value as its type, null where the text does not fit.

    Nearly all texts are written as one expects. What is cheap and right for those comes first; the rest, trimmed and
    looked at closely, costs several times as much.
    """
    usual = _usual(column, raw)
    thorough = _thorough(column, raw)
    return f"coalesce({usual}, {thorough})" if usual else thorough


def _usual(column: Column, raw: str) -> str | None:
    """The value of a text in the usual spelling, null for any other."""
    whole = f"try_cast({raw} as bigint)"
    as_written = f"cast({whole} as varchar) = {raw}"
    match column.kind, column.format:
        case Kind.integer, _:
            return f"case when {as_written} then {whole} end"
        case Kind.decimal, _:
            return f"cast(try_cast({raw} as decimal(18,9)) as decimal(38,9))"
        case Kind.boolean, _:
            return f"try_cast({raw} as boolean)"
        case Kind.timestamp, "iso":
            return _utc(f"try_cast({_digit_first(raw)} as timestamptz)")
        case Kind.timestamp, "epoch" | "epoch_ms":
            scale, first, last = _epoch(column)
            return f"make_timestamp(case when {as_written} and {whole} between {first} and {last} then {whole} * {scale} end)"
    return None


def _digit_first(text: str) -> str:
    """Without words such as 'infinity'."""
    return f"case when {text} >= '0' and {text} < ':' then {text} end"


def _utc(moment: str) -> str:
    """A TIMESTAMPTZ as TIMESTAMP in UTC. A cast would ask the calendar of a time zone, and takes five times as long."""
    return f"make_timestamp(epoch_us({moment}))"


def _epoch(column: Column) -> tuple[int, int, int]:
    """Microseconds of one unit, and the first and the last unit that are a time."""
    scale = 1_000_000 if column.format == "epoch" else 1_000
    return scale, _FIRST_SECOND * 1_000_000 // scale, _LAST_SECOND * 1_000_000 // scale


def _thorough(column: Column, raw: str) -> str:
    text = raw if column.kind in (Kind.string, Kind.json) else f"nullif(trim({raw}), '')"
    match column.kind:
        case Kind.string | Kind.json:
            return raw
        case Kind.integer:
            number = f"try_cast({text} as decimal(38,9))"
            whole = f"case when {number} = trunc({number}) then try_cast({number} as bigint) end"
            return (
                f"case when regexp_full_match({text}, '[+-]?[0-9]+') then try_cast({text} as bigint) else {whole} end"
            )
        case Kind.decimal:
            return _decimal(text)
        case Kind.boolean:
            return f"try_cast({text} as boolean)"
        case Kind.date:
            return f"cast({_moment(column, text)} as date)"
        case Kind.timestamp:
            return _moment(column, text)


def _decimal(text: str) -> str:
    """Nine digits before the point are enough for nearly all values, and twenty times cheaper than 29."""
    return f"coalesce(cast(try_cast({text} as decimal(18,9)) as decimal(38,9)), try_cast({text} as decimal(38,9)))"


def _moment(column: Column, text: str) -> str:
    """A time in UTC. Casting straight to TIMESTAMP would ignore the offset, so it goes by way of TIMESTAMPTZ."""
    match column.format:
        case "iso":
            return _utc(f"try_cast({_digit_first(text)} as timestamptz)")
        case "epoch" | "epoch_ms":
            # whole numbers apart: arithmetic on decimals is fifty times slower, and doubles are exact below 2^53
            scale, first, last = _epoch(column)
            whole = f"try_cast({text} as bigint)"
            part = f"try_cast({text} as double)"
            return (
                f"make_timestamp(case when contains({text}, '.') "
                f"then case when {part} between {first} and {last} then cast(round({part} * {scale}) as bigint) end "
                f"else case when {whole} between {first} and {last} then {whole} * {scale} end end)"
            )
        case pattern:
            return f"cast(try_strptime({text}, {literal(pattern)}) as timestamp)"


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
    return " or ".join(f"({check})" for check in checks) or "false"


def extra(table: Table) -> str:
    """What the contract does not name of `doc`, or null when nothing is left.

    A patch of nulls takes named fields out. It must not speak of objects that a document does not have, because
    patching would make them; so it is put together for each document from `_t`, the types of `inner_paths`.
    """
    if any(json_path(column) == "$" for column in table.columns):
        return "null"
    places = {path: f"_t[{i}]" for i, path in enumerate(inner_paths(table), 1)}

    def patch(node: dict[str, object], path: str) -> str:
        """SQL of the text of the patch, and constant as far as it can be."""
        constant = [f"{json.dumps(key)}:null" for key, inner in node.items() if inner is None]
        pieces = [literal("{" + ",".join(constant))]
        comma = bool(constant)
        for key, inner in node.items():
            if isinstance(inner, dict):
                deeper = f'{path}."{key}"'
                name = literal(("," if comma else "") + json.dumps(key) + ":")
                pieces.append(
                    f"{name} || case when {places[deeper]} = 'OBJECT' then {patch(inner, deeper)} else 'null' end"
                )
                comma = True
        return " || ".join([*pieces, "'}'"])

    tree = _named_tree(table)
    text = patch(tree, "$") if places else literal(json.dumps(tree))
    return f"nullif(cast(json_merge_patch(doc, {text}) as varchar), '{{}}')"


def _named_tree(table: Table) -> dict[str, object]:
    """Named fields as a tree; None is a field that is named whole."""
    tree: dict[str, object] = {}
    for column in table.columns:
        path = [str(segment) for segment in segments(column)]
        if any(segment.startswith("[") for segment in path):
            continue  # an element of an array cannot be taken out: the array stays whole
        node = tree
        for key in path[:-1]:
            inner = node.setdefault(key, {})
            if not isinstance(inner, dict):
                break
            node = inner
        else:
            node[path[-1]] = None
    return tree


def inner_paths(table: Table) -> list[str]:
    """Paths of the objects that the contract reaches into."""

    def below(node: dict[str, object], path: str) -> list[str]:
        found = []
        for key, inner in node.items():
            if isinstance(inner, dict):
                found += [f'{path}."{key}"', *below(inner, f'{path}."{key}"')]
        return found

    return below(_named_tree(table), "$")


def record_hash(doc: str = "doc") -> str:
    """Hash of the body. Insignificant blanks do not count; writing JSON anew costs, so only where there are some."""
    # a line ends with its newline, so that nearly always the first look settles it
    has_blanks = " or ".join(f"contains({doc}, {mark})" for mark in ("chr(10)", "'\": '", "', \"'"))
    return f"md5(case when {has_blanks} then cast(json({doc}) as varchar) else cast({doc} as varchar) end)"


def _structure(table: Table) -> tuple[dict[str, Any], dict[str, str]]:
    """What one pass over a document can take out, as `json_transform` wants it, and where each column then stands.

    Left out are the columns that it cannot reach: whole documents, elements of arrays, what lies inside a field that
    is a column itself, and names that differ in case alone.
    """
    tree: dict[str, Any] = {}
    places: dict[str, str] = {}
    for column in table.columns:
        path = segments(column)
        if json_path(column) == "$" or any(str(s).startswith("[") for s in path):
            continue
        node, place = tree, "_s"
        for key in map(str, path[:-1]):
            if not isinstance(_free(node, key, {}), dict):
                break
            node, place = node[key], f"{place}.{quoted(key)}"
        else:
            leaf = "JSON" if column.kind is Kind.json else "VARCHAR"
            if _free(node, str(path[-1]), leaf) == leaf:
                places[column.name] = f"{place}.{quoted(str(path[-1]))}"
    return tree, places


def _free(node: dict[str, Any], key: str, value: Any) -> Any:
    """What stands under `key`, which is `value` if nothing did; None where another spelling of the key is taken."""
    if key not in node and key.casefold() in map(str.casefold, node):
        return None
    return node.setdefault(key, value)


def rows_of(table: Table, explain: bool, sink: bool = False) -> str:
    """SELECT of the staging rows of `table` from `picked(_line, _text, doc)`.

    Without `explain` all rows, bad ones marked only; with it the bad ones alone, with their reasons. Two statements,
    because hundreds of expressions that are never needed would still be set up for every chunk. For a `sink` the mark
    is `_bad`, and `_key` is a hash of the id.
    """
    # what people are told is the number as it was written, which a transformed one is not
    tree, raw = ({}, {}) if explain else _structure(table)
    parts = {"_s": f"json_transform(doc, {literal(json.dumps(tree))})"} if tree else {}
    rest = [c for c in table.columns if c.name not in raw]
    for name, function, columns in (
        ("_v", "json_extract_string", [c for c in rest if c.kind is not Kind.json]),
        ("_j", "json_extract", [c for c in rest if c.kind is Kind.json]),
    ):
        if columns:
            parts[name] = f"{function}(doc, [{', '.join(literal(json_path(c)) for c in columns)}])"
            raw |= {c.name: f"{name}[{i}]" for i, c in enumerate(columns, 1)}
    if inner := inner_paths(table):
        parts["_t"] = f"json_type(doc, [{', '.join(map(literal, inner))}])"
    raw |= {c.name: f"nullif(cast({raw[c.name]} as varchar), 'null')" for c in table.columns if c.kind is Kind.json}
    values = ", ".join(f"{typed(c, raw[c.name])} as {quoted(c.name)}" for c in table.columns)
    bad = any_bad(table, raw)
    names = ", ".join(quoted(c.name) for c in table.columns)
    if explain:
        problems = ", ".join(problem(c, raw[c.name], quoted(c.name), c.name == table.id) for c in table.columns)
        broken = ", ".join(
            f"case when {type_broken(c, raw[c.name], quoted(c.name))} then {literal(c.name)} end" for c in table.columns
        )
        verdict = (
            f"array_to_string(list_filter([{problems}], x -> x is not null), '; ') as _reason, "
            f"list_filter([{broken}], x -> x is not null) as _broken, cast(doc as varchar) as _raw"
        )
    elif sink:
        key = f"hash(cast({quoted(table.id)} as varchar))" if table.id else "null"
        verdict = f"_bad, {key} as _key"
    else:
        verdict = f"case when _bad then {literal(MARK)} end as _reason, null as _broken, null as _raw"
    return f"""
        select {names}, {record_hash()} as _record_hash, {extra(table)} as _extra, _line as _doc, {verdict}
        from (select *, ({bad}) as _bad
              from (select _line, doc, {", ".join([*parts, values])}
                    from (select _line, doc, {", ".join(f"{x} as {name}" for name, x in parts.items())} from picked)))
        {"where _bad" if explain else ""}"""


def staging_columns(table: Table) -> str:
    """Column definitions of the staging table."""
    own = [f"{quoted(c.name)} {DUCKDB_TYPE[c.kind]}" for c in table.columns]
    return ", ".join(
        [
            *own,
            "_record_hash VARCHAR",
            "_extra VARCHAR",
            "_doc BIGINT",
            "_reason VARCHAR",
            "_broken VARCHAR[]",
            "_raw VARCHAR",
            "_file INTEGER",
            "_line BIGINT",
            "_chunk INTEGER",
        ]
    )
