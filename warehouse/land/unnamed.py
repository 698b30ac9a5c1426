"""SQL of `_extra`: what the contract does not name of a document, kept as it came.

Belongs here: taking named fields out of any document, and the short way for documents of a known shape.
Does not belong here: which shapes there are (shapes.py).

An object in which the contract names every field leaves nothing behind. What is no object, where the contract reaches
into one, is kept.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from nexus.contracts import Table
from warehouse.land.paths import free, inner_paths, json_path, named_fields, named_tree
from warehouse.land.sql import literal, quoted

#: Fields of a document beyond which a statement that names each is no gain.
_WIDE = 200


def whole(table: Table) -> bool:
    """Whether a column is the whole document, so that nothing is left unnamed."""
    return any(json_path(column) == "$" for column in table.columns)


def extra(table: Table) -> str:
    """What the contract does not name of `doc`, or null when nothing is left.

    A patch of nulls takes named fields out. It must not speak of objects that a document does not have, because
    patching would make them; so it is put together for each document from `_t`, the types of `inner_paths`.
    """
    if whole(table):
        return "null"
    places = {path: f"_t[{i}]" for i, path in enumerate(inner_paths(table), 1)}

    def leaves(node: dict[str, object], path: str) -> str:
        """Whether anything unnamed is in an object that is there."""
        inner = [leaves_at(deeper, f'{path}."{key}"') for key, deeper in node.items() if isinstance(deeper, dict)]
        keys = ", ".join(map(literal, node))
        return " or ".join([f"not list_has_all([{keys}], json_keys(doc, {literal(path)}))", *inner])

    def leaves_at(node: dict[str, object], path: str) -> str:
        return (
            f"(case {places[path]} when 'OBJECT' then {leaves(node, path)} else "
            f"coalesce({places[path]} <> 'NULL', false) end)"
        )

    def patch(node: dict[str, object], path: str) -> str:
        """SQL of the text of the patch, and constant as far as it can be."""
        constant = [f"{json.dumps(key)}:null" for key, inner in node.items() if inner is None]
        pieces = [literal(",".join(constant))] if constant else []
        for key, inner in node.items():
            if isinstance(inner, dict):
                deeper = f'{path}."{key}"'
                name = literal(f"{json.dumps(key)}:")
                pieces.append(
                    f"case when not {leaves_at(inner, deeper)} then {name} || 'null' "
                    f"when {places[deeper]} = 'OBJECT' then {name} || {patch(inner, deeper)} end"
                )
        return f"'{{' || concat_ws(',', {', '.join(pieces)}) || '}}'"

    tree = named_tree(table)
    text = patch(tree, "$") if places else literal(json.dumps(tree))
    return f"nullif(cast(json_merge_patch(doc, {text}) as varchar), '{{}}')"


@dataclass(frozen=True, slots=True)
class Shape:
    """Names of the fields of a document in their order: at its top, then in each of `inner_paths`, None where it has none."""

    keys: tuple[tuple[str, ...] | None, ...]

    @property
    def literal(self) -> str:
        lists = ("null" if keys is None else f"[{', '.join(map(literal, keys))}]" for keys in self.keys)
        return f"[{', '.join(lists)}]"


def keys(table: Table) -> str:
    """SQL of the shape of `doc`."""
    return f"json_keys(doc, [{', '.join(map(literal, ['$', *inner_paths(table)]))}])"


def extra_of(table: Table, shape: Shape, tree: dict[str, Any]) -> str | None:
    """`extra` of the documents of one shape, from fields that are added to `tree`, the structure of `_s`.

    None where a shape does not tell enough: a field that stands twice, an object that is empty or no object, names
    that cannot be told apart; or where it is very wide. `tree` may then have been added to, which does no harm.
    """
    if sum(len(names or ()) for names in shape.keys) > _WIDE:
        return None
    by_path = dict(zip(["$", *inner_paths(table)], shape.keys, strict=True))

    def left(node: dict[str, object], path: str, found: dict[str, Any], place: str) -> list[str] | None:
        """Pieces of SQL of the text of what is left of an object; none where nothing is."""
        there = by_path[path]
        if not there or len(set(there)) < len(there):
            return None
        pieces: list[str] = []
        for key in there:
            if key in node and node[key] is None:
                continue
            if json.dumps(key, ensure_ascii=False) != f'"{key}"':
                return None
            inner = node.get(key)
            at = f"{place}.{quoted(key)}"
            if isinstance(inner, dict):
                deeper = free(found, key, {})
                value = left(inner, f'{path}."{key}"', deeper, at) if isinstance(deeper, dict) else None
                if value is None:
                    return None
            elif free(found, key, "JSON") == "JSON":
                value = [f"coalesce(cast({at} as varchar), 'null')"]
            else:
                return None
            if value:
                pieces += [literal(("," if pieces else "{") + f'"{key}":'), *value]
        return [*pieces, "'}'"] if pieces else []

    pieces = left(named_tree(table), "$", tree, "_s")
    return None if pieces is None else f"concat({', '.join(pieces)})" if pieces else "null"


def of_shape(table: Table, shape: Shape, tree: dict[str, Any]) -> dict[str, Any]:
    """`tree` without what documents of the shape do not have."""
    by_path = dict(zip(["$", *inner_paths(table)], shape.keys, strict=True))

    def kept(node: dict[str, Any], path: str) -> dict[str, Any]:
        there = by_path[path] or ()
        return {
            key: kept(inner, f'{path}."{key}"') if isinstance(inner, dict) else inner
            for key, inner in node.items()
            if key in there
        }

    return kept(tree, "$")


def unnamed_of(table: Table, shape: Shape) -> frozenset[str]:
    """Fields at the top of the documents of a shape that the contract neither names nor reaches into."""
    return frozenset(shape.keys[0] or ()) - named_fields(table)
