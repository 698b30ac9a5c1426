"""The staging view of a raw table, to begin with: every column of the contract under the name that it has there.

Belongs here: SQL and description of one view. Does not belong here: the declaration of raw tables (dbt_sources.py).
What is made once is edited by hand from then on: what it renames is a matter of taste, and nothing overwrites it.
"""

from __future__ import annotations

from pathlib import Path

from nexus.contracts import LOAD_SEQUENCE, Table
from nexus.errors import ConflictError
from warehouse.dbt_sources import STAGING

_SQL = """with source as (

    select * from {{{{ source('{source}', '{raw}') }}}}

),

renamed as (

    select
        {columns}
    from source

)

select * from renamed
"""


def render(table: Table) -> tuple[str, str]:
    """SQL and YAML of the view of `table`."""
    own = {column.name for column in table.columns}
    identity = next(n for n in (f"{table.name}_id", f"{table.source}_{table.name}_id") if n not in own)
    columns = [("workspace_id", "workspace_id", "The workspace.")]
    for column in table.columns:
        name = identity if column.name == "id" else column.name
        told = column.description or name.replace("_", " ").capitalize()
        columns.append((column.name, name, told.rstrip(".") + "."))
    if table.id is None:
        columns.append(("_record_key", "record_key", "Batch and number of the row."))
    columns.append((LOAD_SEQUENCE, LOAD_SEQUENCE, "Build that loaded the row: rises with every build."))
    listed = ",\n        ".join(of if of == name else f"{of} as {name}" for of, name, _ in columns)
    about = table.description or f"One row per {table.name.replace('_', ' ')}."
    lines = [f"models:\n  - name: {view(table)}\n    description: >\n      {about}\n    columns:"]
    lines += [f"      - {{name: {name}, description: {_quoted(told)}}}" for _, name, told in columns]
    return _SQL.format(source=table.source, raw=table.relation, columns=listed), "\n".join(lines) + "\n"


def view(table: Table) -> str:
    return table.relation.replace("raw_", "stg_", 1)


def write(table: Table) -> list[Path]:
    """Writes both files. Raises ConflictError, and writes nothing, where one is there."""
    paths = [STAGING / table.source / f"{view(table)}.{ending}" for ending in ("sql", "yml")]
    for path in paths:
        if path.exists():
            raise ConflictError(
                f"{view(table)} is there already: {path}", remedy="edit that one; what is there is never overwritten"
            )
    paths[0].parent.mkdir(parents=True, exist_ok=True)
    for path, text in zip(paths, render(table), strict=True):
        path.write_text(text)
    return paths


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
