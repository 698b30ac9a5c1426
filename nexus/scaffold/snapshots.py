"""Snapshots of what is discovered, completed by what was just made, so that review sees it and the tests agree.

Belongs here: which snapshot lists what. Does not belong here: the tests that hold them (tests/…).
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from nexus.scaffold.render import Piece
from nexus.settings import PROJECT

RELATIONS = Path("tests/orchestration/sources/relations.json")
GRAPH = Path("tests/orchestration/graph.json")
PAGES = Path("tests/apps/pages.json")
ROUTES = Path("tests/api/routes.json")


def accept(piece: Piece, root: Path = PROJECT) -> list[Path]:
    """Adds `piece` to the snapshots that list its kind; returns those that changed. One that is absent stays absent."""
    values = piece.values
    name = values["name"]
    changed = []
    if piece.kind == "source":
        return accept_relation(name, values["entity"], [values["entity"]], root)
    if piece.kind == "model":
        learnt = (f"{name}_model", f"{name}_scores", f"{name}_drift")

        def learning(found: dict[str, Any]) -> None:
            _into(found, "models", *learnt)
            found["gates"][learnt[-1]] = ["features_have_not_drifted"]
            found["gates"] = dict(sorted(found["gates"].items()))

        changed += _change(root / GRAPH, learning)
    if piece.kind == "mart":
        mart = f"fct_{name}"

        def gated(found: dict[str, Any]) -> None:
            _into(found, values["group"], mart)
            found["gates"][mart] = ["volume"]
            found["gates"] = dict(sorted(found["gates"].items()))

        changed += _change(root / GRAPH, gated)
    if piece.kind == "page":
        changed += _change(root / PAGES, lambda found: found.setdefault(name, values["title"]))
    if piece.kind == "domain":
        one = f"/v1/{name}/{{{values['entity']}_id}}"
        made = [f"GET /v1/{name}", f"POST /v1/{name}", f"GET {one}", f"PUT {one}", f"DELETE {one}"]

        def routes(found: list[str]) -> None:
            found[:] = sorted({*found, *made})

        changed += _change(root / ROUTES, routes)
    return [path.relative_to(root) for path in changed]


def accept_relation(source: str, entity: str, tables: list[str], root: Path = PROJECT) -> list[Path]:
    """Adds the table `entity` of a source, whose contract has `tables` now, and its staging view."""
    relation = f"{source}__{entity}"

    def graph(found: dict[str, Any]) -> None:
        _into(found, source, f"raw_{relation}", f"stg_{relation}")
        found["gates"][f"raw_{relation}"] = ["contract"]
        found["gates"] = dict(sorted(found["gates"].items()))

    def relations(found: dict[str, Any]) -> None:
        found[source] = tables

    changed = [*_change(root / RELATIONS, relations), *_change(root / GRAPH, graph)]
    return [path.relative_to(root) for path in changed]


def _into(found: dict[str, Any], group: str, *keys: str) -> None:
    """Puts assets into a group of the graph."""
    found["groups"][group] = sorted({*found["groups"].get(group, []), *keys})
    found["groups"] = dict(sorted(found["groups"].items()))


def _change(path: Path, change: Any) -> list[Path]:
    if not path.exists():
        return []
    content = json.loads(path.read_text())
    change(content)
    path.write_text(
        json.dumps(dict(sorted(content.items())) if path.name == RELATIONS.name else content, indent=1) + "\n"
    )
    return [path]
