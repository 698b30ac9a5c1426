"""The ledger's side of a landing.

Belongs here: the rows of `batch`, `batch_part`, `landed_file`, `known_field` of one batch.
Does not belong here: files.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass

from psycopg.types.json import Jsonb

from nexus.contracts import Source
from warehouse.land.collect import Outcome
from warehouse.land.files import InputFile
from warehouse.land.names import escaped, storable
from warehouse.land.report import Counts
from warehouse.ledger import Connection


@dataclass(frozen=True, slots=True)
class Landed:
    """A file that has landed: in which batch, under which name, and its counts per table."""

    batch_id: str
    name: str
    tables: dict[str, Counts]


def landed_file(connection: Connection, workspace: str, source: str, mapping: str, sha256: str) -> Landed | None:
    """The file of this content that has landed, or None."""
    row = connection.execute(
        "select batch_id, name, tables from landed_file"
        " where workspace_id = %s and source = %s and mapping = %s and sha256 = %s",
        [workspace, source, mapping, sha256],
    ).fetchone()
    if row is None:
        return None
    return Landed(row["batch_id"], row["name"], {name: Counts(**counts) for name, counts in row["tables"].items()})


def landed_sizes(connection: Connection, workspace: str, source: str, mapping: str, sizes: Collection[int]) -> set[int]:
    """Those of `sizes`, in bytes, that a file which has landed has."""
    rows = connection.execute(
        "select distinct byte_count from landed_file"
        " where workspace_id = %s and source = %s and mapping = %s and byte_count = any(%s)",
        [workspace, source, mapping, list(sizes)],
    ).fetchall()
    return {row["byte_count"] for row in rows}


def begin(connection: Connection, batch_id: str, kind: str, workspace: str, source: Source, mapping: str) -> None:
    connection.execute(
        "insert into batch (batch_id, kind, workspace_id, source, mapping, contract, status)"
        " values (%s, %s, %s, %s, %s, %s, 'landing')",
        [batch_id, kind, workspace, source.name, mapping, Jsonb({t.name: t.fingerprint for t in source.tables})],
    )


def fail(connection: Connection, batch_id: str, error: BaseException) -> bool:
    """Marks the batch as failed unless it has landed; whether its files may be removed."""
    if connection.closed or connection.broken:
        return False
    result = connection.execute(
        "update batch set status = 'failed', reason = %s where batch_id = %s and status = 'landing'",
        [escaped(str(error))[:4000] or type(error).__name__, batch_id],
    )
    return result.rowcount == 1


def land(
    connection: Connection,
    batch_id: str,
    workspace: str,
    source: Source,
    mapping: str,
    outcome: Outcome,
    files: dict[int, tuple[InputFile, str]],
    replayed: list[str] | None = None,
    also: Callable[[Connection], None] | None = None,
) -> None:
    """The moment at which the batch exists, and whatever `also` writes. `outcome.new_columns` keeps only fields never
    seen before, by names that can be stored."""
    total = outcome.total
    with connection.transaction():
        for relation, fields in outcome.new_columns.items():
            outcome.new_columns[relation] = _remember(connection, workspace, relation, fields, batch_id)
        outcome.new_columns = {relation: fields for relation, fields in outcome.new_columns.items() if fields}
        with connection.cursor() as cursor:
            cursor.executemany(
                "insert into batch_part (batch_id, part, source, table_name, path, row_count, byte_count, sha256)"
                " values (%s, %s, %s, %s, %s, %s, %s, %s)",
                [
                    (batch_id, f.part, source.name, f.table, f.path.as_posix(), f.rows, f.bytes, f.sha256)
                    for f in outcome.files
                ],
            )
            for index, (file, digest) in files.items():
                tables = {name: c for (i, name), c in outcome.counts.items() if i == index}
                whole = Counts()
                for counts in tables.values():
                    whole.add(counts)
                cursor.execute(
                    "insert into landed_file values (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)",
                    [
                        workspace, source.name, mapping, digest, file.name, file.size,
                        *whole.as_dict().values(), Jsonb({n: c.as_dict() for n, c in tables.items()}), batch_id,
                    ],
                )  # fmt: skip
            cursor.executemany(
                "insert into quarantine_mark (quarantine_id, batch_id) values (%s, %s)",
                [(quarantine_id, batch_id) for quarantine_id in replayed or []],
            )
        connection.execute(
            "update batch set status = 'landed', seq = nextval('batch_seq'), landed_at = now() at time zone 'utc',"
            " read_count = %s, landed_count = %s, duplicate_count = %s, quarantined_count = %s, tables = %s,"
            " new_columns = %s where batch_id = %s",
            [
                *total.as_dict().values(),
                Jsonb({name: counts.as_dict() for name, counts in outcome.tables().items()}),
                Jsonb(outcome.new_columns),
                batch_id,
            ],
        )
        if also:
            also(connection)


def _remember(connection: Connection, workspace: str, relation: str, fields: list[str], batch_id: str) -> list[str]:
    if not fields:
        return []
    rows = connection.execute(
        "insert into known_field select %s, %s, f, %s from unnest(%s::text[]) f on conflict do nothing returning field",
        [workspace, relation, batch_id, [storable(field) for field in fields]],
    ).fetchall()
    return sorted(row["field"] for row in rows)
