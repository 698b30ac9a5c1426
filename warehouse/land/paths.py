"""Where the fields of a contract stand in a document.

Belongs here: paths as keys, as the engine writes them, and as a tree. Does not belong here: SQL of values (casts.py).
"""

from __future__ import annotations

import re
from typing import Any

from nexus.contracts import Column, Kind, Table
from warehouse.land.sql import quoted

_SEGMENT = re.compile(r'"((?:[^"\\]|\\.)*)"|\[(\d+|\*|#-\d+)\]|([^.\[\]"]+)')


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


def named_tree(table: Table) -> dict[str, object]:
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

    return below(named_tree(table), "$")


def structure(table: Table) -> tuple[dict[str, Any], dict[str, str]]:
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
            if not isinstance(free(node, key, {}), dict):
                break
            node, place = node[key], f"{place}.{quoted(key)}"
        else:
            leaf = "JSON" if column.kind is Kind.json else "VARCHAR"
            if free(node, str(path[-1]), leaf) == leaf:
                places[column.name] = f"{place}.{quoted(str(path[-1]))}"
    return tree, places


def free(node: dict[str, Any], key: str, value: Any) -> Any:
    """What stands under `key`, which is `value` if nothing did; None where another spelling of the key is taken."""
    if key not in node and key.casefold() in map(str.casefold, node):
        return None
    return node.setdefault(key, value)


def stands(tree: dict[str, Any], place: str) -> bool:
    """Whether a place in `_s`, as `structure` says it, is still there in `tree`."""
    return place in _leaves(tree)


def objects(tree: dict[str, Any], place: str = "_s") -> list[str]:
    """Places of the document and of the objects in it."""
    inner = [objects(node, f"{place}.{quoted(key)}") for key, node in tree.items() if isinstance(node, dict)]
    return [place, *(each for found in inner for each in found)]


def names_in(tree: dict[str, Any]) -> int:
    """How many names there are, those of inner objects too."""
    return sum(1 + (names_in(node) if isinstance(node, dict) else 0) for node in tree.values())


def _leaves(tree: dict[str, Any], place: str = "_s") -> set[str]:
    found: set[str] = set()
    for key, node in tree.items():
        at = f"{place}.{quoted(key)}"
        found |= _leaves(node, at) if isinstance(node, dict) else {at}
    return found
