"""A column that has changed its type fails its batch: the provider has changed, and nobody has looked yet.

Belongs here: telling that from a few bad records. Does not belong here: what is wrong with one value (checks.py).
"""

from __future__ import annotations

from nexus.contracts import Source, Table
from nexus.errors import ContractError
from warehouse.land.sql import quoted, staging
from warehouse.land.stage import Stage

_ENOUGH = 20


def check_types(stage: Stage, source: Source, names: dict[int, str]) -> None:
    """Raises ContractError when a column has changed its type, in one file (`names`) or in the whole batch.

    That is: more than half of at least 20 values are not of the type that the contract promises.
    """
    stage.finish()
    for table in source.tables:
        broken = stage.run(
            f"""select col, _file, count(*) as n
                from (select unnest(_broken) as col, _file from {staging(table)} where _reason is not null)
                group by grouping sets ((col, _file), (col)) having n > {_ENOUGH // 2} order by n, _file nulls last"""
        )
        for column, file, count in broken:
            _check_column(stage, table, column, file, count, names)


def _check_column(stage: Stage, table: Table, column: str, file: int | None, count: int, names: dict[int, str]) -> None:
    where = "true" if file is None else f"_file = {file}"
    valid = stage.run(
        f"""select count({quoted(column)}) from {staging(table)}
            where {where} and not list_contains(coalesce(_broken, []), ?)""",
        column,
    )[0][0]
    if sink := stage.sink(table):
        valid += sink.valid(column, file)
    if count + valid < _ENOUGH or count <= valid:
        return
    example, line, first = stage.run(
        f"""select _reason, _line, _file from {staging(table)}
            where {where} and list_contains(_broken, ?) order by _doc limit 1""",
        column,
    )[0]
    kind = table.column(column).kind.value
    raise ContractError(
        f"{names[first]}: column {column!r} of {table.relation} has changed its type: "
        f"{count} of {count + valid} values are not {kind} (line {line}: {example})",
        remedy="nothing of this batch has landed; if the provider really changed, change the contract "
        f"of {table.source}.{table.name} and ingest again",
    )
