"""Statements that turn documents into typed, checked rows of one table.

Belongs here: SELECTs, made from a `Table` and nothing else. Does not belong here: running them (typist.py).

One pass over each document extracts every column as text; casts and checks work on that.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from nexus.contracts import Kind, Table
from warehouse.land import checks
from warehouse.land.casts import typed, usual
from warehouse.land.paths import inner_paths, json_path, names_in, objects, stands, structure
from warehouse.land.sql import literal, quoted
from warehouse.land.unnamed import Shape, extra, extra_of, keys, of_shape

#: Stands for the reason of a bad row until it is worked out.
MARK = "?"
#: What shows that a document has blanks that mean nothing, as other programs write them.
BLANKS = ("\r", '": ', ', "')


def record_hash(dense: bool = False) -> str:
    """Hash of the body as a number of 64 bits; of a line, newline included, wherever the body comes from.

    Bodies of one hash are the same; those of two may still be (merge.py). Insignificant blanks do not count: writing
    JSON anew costs, so only where there are some. All documents of a `dense` piece are lines without any.
    """
    body = "cast(doc as varchar)"
    if dense:
        return f"hash({body})"
    has_blanks = " or ".join(f"contains(doc, {literal(blank)})" for blank in BLANKS)
    return (
        f"hash(case when {has_blanks} then cast(json(doc) as varchar) || chr(10) "
        f"when suffix({body}, chr(10)) then {body} else {body} || chr(10) end)"
    )


def hexadecimal(number: str) -> str:
    """A hash as its column holds it."""
    return f"format('{{:016x}}', {number})"


def rows_of(table: Table, explain: bool, sink: bool = False) -> str:
    """SELECT of the staging rows of `table` from `picked(_line, _text, doc)`, whatever they hold.

    Without `explain` all rows, bad ones marked only; with it the bad ones alone, with their reasons. Two statements,
    because hundreds of expressions that are never needed would still be set up for every chunk. For a `sink` the mark
    is `_bad`, `_key` is a hash of the id, and hashes are numbers.
    """
    # what people are told is the number as it was written, which a transformed one is not
    parts, raw = _parts(table, *(({}, {}) if explain else structure(table)))
    if inner := inner_paths(table):
        parts["_t"] = f"json_type(doc, [{', '.join(map(literal, inner))}])"
    values = ", ".join(f"{typed(c, raw[c.name])} as {quoted(c.name)}" for c in table.columns)
    bad = checks.any_bad(table, raw)
    if explain:
        problems = ", ".join(checks.problem(c, raw[c.name], quoted(c.name), c.name == table.id) for c in table.columns)
        broken = ", ".join(
            f"case when {checks.type_broken(c, raw[c.name], quoted(c.name))} then {literal(c.name)} end"
            for c in table.columns
        )
        verdict = (
            f"array_to_string(list_filter([{problems}], x -> x is not null), '; ') as _reason, "
            f"list_filter([{broken}], x -> x is not null) as _broken, cast(doc as varchar) as _raw"
        )
    elif sink:
        verdict = f"_bad, {_key(table)} as _key"
    else:
        verdict = f"case when _bad then {literal(MARK)} end as _reason, null as _broken, null as _raw"
    body = record_hash() if sink else hexadecimal(record_hash())
    return f"""
        select {_names(table)}, {body} as _record_hash, cast({extra(table)} as varchar) as _extra, _line as _doc, {verdict}
        from (select *, ({bad}) as _bad
              from (select _line, doc, {", ".join([*parts, values])} from ({_with(parts)})))
        {"where _bad" if explain else ""}"""


def usual_rows(
    table: Table, shapes: Sequence[Shape] = (), *, strict: bool = False, dense: bool = False, escapes: bool = True
) -> str:
    """The same for a sink, of rows whose values are all written as one expects, at half the cost.

    `_odd` rows are marked only: they have a value in another spelling, or of another type, and `rows_of` must look at
    them. With `shapes` documents of any other shape are odd, and what the contract does not name needs no second look
    at the document. Shapes must be ones that `extra_of` knows. A `strict` statement, of one shape, fails for documents
    that lack a name, and does not see names that are too many: those are counted elsewhere (`one_shape`). `dense` and
    `escapes` are those of `Spelling`.
    """
    tree, places = structure(table)
    cases = [(shape.literal, extra_of(table, shape, tree)) for shape in shapes]
    if strict:
        tree = of_shape(table, shapes[0], tree)
        places = {name: place if stands(tree, place) else "null::varchar" for name, place in places.items()}
    parts, raw = _parts(table, tree, places, strict)
    if strict:
        others = " or ".join(f"{place} is null" for place in objects(tree))
        left = cases[0][1] or "null"
    elif cases:
        parts["_k"] = keys(table)
        others = f"coalesce(_k not in ({', '.join(shape for shape, _ in cases)}), true)"
        left = "null" if {text for _, text in cases} == {"null"} else _switch("_k", cases)
    else:
        others, left = "false", extra(table)
        if inner := inner_paths(table):
            parts["_t"] = f"json_type(doc, [{', '.join(map(literal, inner))}])"
    values = ", ".join(f"{usual(c, raw[c.name]) or typed(c, raw[c.name])} as {quoted(c.name)}" for c in table.columns)
    odd = " or ".join([others, *checks.odd(table, raw, escapes)])
    return f"""
        select {_names(table)}, {record_hash(dense)} as _record_hash, cast({left} as varchar) as _extra, _line as _doc,
               _odd, not _odd and ({checks.usual_bad(table, raw)}) as _bad, {_key(table)} as _key
        from (select *, ({odd}) as _odd
              from (select _line, doc, {", ".join([*parts, values])} from ({_with(parts)})))"""


def one_shape(table: Table, shape: Shape) -> int | None:
    """Names in a document of this shape, where a `strict` statement would ask for each of them."""
    tree, _ = structure(table)
    if extra_of(table, shape, tree) is None:
        return None
    count = sum(len(names or ()) for names in shape.keys)
    return count if names_in(of_shape(table, shape, tree)) == count else None


def _switch(value: str, cases: list[tuple[str, str | None]]) -> str:
    if len(cases) == 1:
        return cases[0][1] or "null"  # rows of other shapes are odd, and what stands here is not taken
    return f"case {' '.join(f'when {value} = {one} then {text}' for one, text in cases)} end"


def _parts(
    table: Table, tree: dict[str, Any], places: dict[str, str], strict: bool = False
) -> tuple[dict[str, str], dict[str, str]]:
    """What is taken out of a document, by name, and where the text of each column then stands."""
    raw = dict(places)
    transform = "json_transform_strict" if strict else "json_transform"
    parts = {"_s": f"{transform}(doc, {literal(json.dumps(tree))})"} if tree else {}
    rest = [c for c in table.columns if c.name not in raw]
    for name, function, columns in (
        ("_v", "json_extract_string", [c for c in rest if c.kind is not Kind.json]),
        ("_j", "json_extract", [c for c in rest if c.kind is Kind.json]),
    ):
        if columns:
            parts[name] = f"{function}(doc, [{', '.join(literal(json_path(c)) for c in columns)}])"
            raw |= {c.name: f"{name}[{i}]" for i, c in enumerate(columns, 1)}
    raw |= {c.name: f"nullif(cast({raw[c.name]} as varchar), 'null')" for c in table.columns if c.kind is Kind.json}
    return parts, raw


def _with(parts: dict[str, str]) -> str:
    return f"select _line, doc, {', '.join(f'{x} as {name}' for name, x in parts.items())} from picked"


def _names(table: Table) -> str:
    return ", ".join(quoted(c.name) for c in table.columns)


def _key(table: Table) -> str:
    return f"hash(cast({quoted(table.id)} as varchar))" if table.id else "null"
