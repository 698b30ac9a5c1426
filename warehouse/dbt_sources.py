"""A contract as dbt sees it: the YAML that declares a source's raw tables, written from the contract alone.

Belongs here: rendering and where the file lies. Does not belong here: finding the sources (orchestration), running dbt.
A test holds every committed file equal to what is rendered here.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from nexus.contracts import LOAD_SEQUENCE, META, Kind, Source, Table
from nexus.settings import PROJECT

STAGING = PROJECT / "transforms" / "dbt" / "models" / "staging"
#: How a kind is declared to dbt; the same words hold on both engines.
TYPES = {
    Kind.string: "text",
    Kind.integer: "bigint",
    Kind.decimal: "numeric(38,9)",
    Kind.boolean: "boolean",
    Kind.timestamp: "timestamp",
    Kind.date: "date",
    Kind.json: "text",
}
_HEADER = "# Written from orchestration/sources/{name}/contract.py by `nexus declare`: change that one.\n"


def path_of(source: Source) -> Path:
    """Where the declaration of `source` lies in the dbt project."""
    return STAGING / source.name / f"_{source.name}__sources.yml"


def render(source: Source) -> str:
    """The declaration of `source`, the same text for the same contract."""
    document = {
        "sources": [
            {
                "name": source.name,
                "description": _line(source.description or source.title),
                "schema": "raw",
                "config": {"meta": {"owner": source.owner, "title": source.title}},
                "tables": [_table(table) for table in source.tables],
            }
        ]
    }
    body = yaml.safe_dump(document, sort_keys=False, allow_unicode=True, width=118)
    return _HEADER.format(name=source.name) + body


def write(sources: list[Source]) -> list[Path]:
    """Writes every declaration that changed; returns their paths."""
    written = []
    for source in sources:
        path, text = path_of(source), render(source)
        if not path.exists() or path.read_text() != text:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
            written.append(path)
    return written


def _table(table: Table) -> dict[str, Any]:
    columns: list[dict[str, Any]] = []
    for column in table.columns:
        entry: dict[str, Any] = {"name": column.name, "data_type": TYPES[column.kind]}
        if column.description:
            entry["description"] = _line(column.description)
        columns.append(entry)
    columns += [{"name": name, "data_type": TYPES[kind]} for name, kind in META]
    columns.append({"name": LOAD_SEQUENCE, "data_type": "bigint"})
    meta = {
        "contract": table.fingerprint,
        "nature": table.nature,
        "record_id": table.id,
        "freshness_hours": int(table.freshness.total_seconds() // 3600),
    }
    return {
        "name": table.relation,
        "description": _line(table.description or f"One row per {table.name.replace('_', ' ')}."),
        "config": {"meta": meta},
        "columns": columns,
    }


def _line(text: str) -> str:
    return " ".join(text.split())
