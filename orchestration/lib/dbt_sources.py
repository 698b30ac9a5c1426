"""dbt's source files, written from the contracts.

Belongs here: `transforms/dbt/models/staging/<source>/_<source>__sources.yml`, all of it generated.
Does not belong here: models and their YAML, which people write. `make sources` runs this module.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from nexus.contracts import LOAD_SEQUENCE, META, Kind, Source, Table
from orchestration.sources import discover

STAGING = Path(__file__).resolve().parents[2] / "transforms" / "dbt" / "models" / "staging"
_HEAD = "# Written from orchestration/sources/{name}/contract.py by `make sources`. Change the contract, not this file.\n"
#: Types as both engines know them.
DATA_TYPE: dict[Kind, str] = {
    Kind.string: "text",
    Kind.integer: "bigint",
    Kind.decimal: "numeric(38,9)",
    Kind.boolean: "boolean",
    Kind.timestamp: "timestamp",
    Kind.date: "date",
    Kind.json: "text",
}
_META_DESCRIPTIONS = {
    "workspace_id": "Whose row it is",
    "_record_key": "Id of the record where it has one, else batch and row: unique in a workspace",
    "_record_hash": "Digest of the record as it came",
    "_batch_id": "Batch that landed it",
    "_source_file": "File that held it",
    "_source_line": "Line, row or element of that file",
    "_landed_at": "When it landed",
    "_extra": "Fields that the contract does not name, as JSON",
    LOAD_SEQUENCE: "Rises with every build that loads new rows",
}


def path_of(source: Source, folder: Path = STAGING) -> Path:
    return folder / source.name / f"_{source.name}__sources.yml"


def content(source: Source) -> str:
    """The YAML of one source, ending in a newline."""
    body = {
        "sources": [
            {
                "name": source.name,
                "schema": "raw",
                "description": source.description,
                "meta": {"owner": source.owner},
                "tables": [_table(table) for table in source.tables],
            }
        ]
    }
    return _HEAD.format(name=source.name) + yaml.safe_dump(body, sort_keys=False, allow_unicode=True, width=120)


def _table(table: Table) -> dict[str, Any]:
    hours = int(table.freshness.total_seconds() // 3600)
    return {
        "name": table.relation,
        "description": table.description,
        "config": {
            "loaded_at_field": "_landed_at",
            "freshness": {"warn_after": {"count": hours, "period": "hour"}},
            "meta": {"contract": table.fingerprint},
        },
        "columns": [
            *(_column(c.name, DATA_TYPE[c.kind], c.description) for c in table.columns),
            *(_column(name, DATA_TYPE[kind], _META_DESCRIPTIONS[name]) for name, kind in META),
            _column(LOAD_SEQUENCE, "bigint", _META_DESCRIPTIONS[LOAD_SEQUENCE]),
        ],
    }


def _column(name: str, data_type: str, description: str) -> dict[str, str]:
    found = {"name": name, "data_type": data_type}
    return {**found, "description": description} if description else found


def write_dbt_sources(folder: Path = STAGING) -> list[Path]:
    """Writes the file of every source; returns those that changed."""
    changed = []
    for source in discover().values():
        path, text = path_of(source, folder), content(source)
        if not path.exists() or path.read_text() != text:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
            changed.append(path)
    return changed


if __name__ == "__main__":
    for written in write_dbt_sources():
        print(written.relative_to(Path.cwd()) if written.is_relative_to(Path.cwd()) else written)
