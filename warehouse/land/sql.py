"""SQL shared by whatever writes rows: names, texts, types.

Belongs here: quoting, and the engine's types of a contract. Does not belong here: expressions over documents (casts.py,
checks.py, unnamed.py), statements (rows.py).
"""

from __future__ import annotations

import re
from pathlib import Path

from nexus.contracts import Kind, Table

DUCKDB_TYPE: dict[Kind, str] = {
    Kind.string: "VARCHAR",
    Kind.integer: "BIGINT",
    Kind.decimal: "DECIMAL(38,9)",
    Kind.boolean: "BOOLEAN",
    Kind.timestamp: "TIMESTAMP",
    Kind.date: "DATE",
    Kind.json: "VARCHAR",
}

_GLOB = re.compile(r"([*?\[])")


def quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def pattern(path: Path | str) -> str:
    """A path as the engine's readers of files take it: to them a name is a pattern, and characters of it mean others."""
    return _GLOB.sub(r"[\1]", str(path))


def staging(table: Table) -> str:
    """Name of the staging table."""
    return quoted(f"s_{table.name}")


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
