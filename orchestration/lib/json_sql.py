"""Pieces of SQL over JSON documents that the selects of sources are made of.

Belongs here: what every provider needs. Does not belong here: knowledge of any provider.
"""

from __future__ import annotations


def first(*places: str) -> str:
    """The first of the JSON values that is there and not null: `first("doc.a", "line.b.c")` looks into columns `doc`
    and `line`. A plain coalesce would stop at a JSON null, which is a value to SQL.
    """
    found = []
    for place in places:
        column, path = place.split(".", 1)
        found.append(f"nullif({column}->'$.{path}', 'null')")
    return f"coalesce({', '.join(found)})" if len(found) > 1 else found[0]


def elements(place: str) -> str:
    """One row per element of the array at `place`, as JSON; no row where there is none."""
    column, path = place.split(".", 1)
    return f"""unnest(from_json({column}->'$.{path}', '["JSON"]'))"""
