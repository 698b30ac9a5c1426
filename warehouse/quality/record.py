"""Judgements kept in the ledger, so that publication can carry them and people can look at them.

Belongs here: the latest result of each gate, and the entry of a build that was refused.
Does not belong here: judging.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from psycopg.types.json import Jsonb

from nexus.settings import Settings
from warehouse import ledger
from warehouse.quality.result import GateResult


def record(settings: Settings, results: Iterable[GateResult], run_id: str = "") -> None:
    """Keeps `results` as the latest judgement of their gates."""
    rows = [(r.relation, r.gate, r.passed, Jsonb(r.as_dict()), run_id) for r in results]
    with ledger.connect(settings) as connection, connection.cursor() as cursor:
        cursor.executemany(
            """insert into gate_result (relation, gate, passed, result, run_id) values (%s, %s, %s, %s, %s)
               on conflict (relation, gate) do update set passed = excluded.passed, result = excluded.result,
                 run_id = excluded.run_id, judged_at = now() at time zone 'utc', is_set_aside = false""",
            rows,
        )


def invalidate(settings: Settings, relations: Iterable[str]) -> None:
    """Takes the judgements of `relations` back, before they are built anew: until judged again they pass no door."""
    with ledger.connect(settings) as connection:
        connection.execute("delete from gate_result where relation = any(%s)", [list(relations)])


def set_aside(settings: Settings, relations: Iterable[str]) -> None:
    """Takes the judgements of `relations` back until it is known whether these will be built anew: see `restore`."""
    with ledger.connect(settings) as connection:
        connection.execute("update gate_result set is_set_aside = true where relation = any(%s)", [list(relations)])


def restore(settings: Settings, relations: Iterable[str]) -> None:
    """The judgements of `relations` that were set aside, by a build that was killed too, hold again: these stay as they
    were judged."""
    with ledger.connect(settings) as connection:
        connection.execute("update gate_result set is_set_aside = false where relation = any(%s)", [list(relations)])


def recorded(settings: Settings, run_id: str | None = None) -> list[GateResult]:
    """The latest judgement of every gate (of those that one run has judged), refusals first."""
    with ledger.connect(settings) as connection:
        rows = connection.execute(
            "select result from gate_result where not is_set_aside and (%(run)s::text is null or run_id = %(run)s)"
            " order by passed, relation, gate",
            {"run": run_id},
        ).fetchall()
    return [GateResult(**row["result"]) for row in rows]


def refuse(settings: Settings, results: Sequence[GateResult]) -> int:
    """Enters a build whose gates failed as a version that never came to be; returns its number.

    Readers are not touched: the version that was current stays current.
    """
    failed = [r for r in results if not r.passed]
    reason = "; ".join(r.sentence() for r in failed)
    gates: list[dict[str, Any]] = [as_gate(r) for r in results]
    with ledger.connect(settings) as connection:
        row = connection.execute(
            """insert into publish_version (version, engine, file, status, batch_seq, gates, reason)
               select n, %s, 'v' || lpad(n::text, 6, '0') || '.duckdb', 'refused',
                      (select coalesce(max(seq), 0) from batch where status = 'landed'), %s, %s
               from (select coalesce(max(version), 0) + 1 as n from publish_version) s returning version""",
            [settings.warehouse, Jsonb(gates), reason[:4000]],
        ).fetchone()
    return int(row["version"]) if row else 0


def as_gate(result: GateResult) -> dict[str, Any]:
    """The form in which a version carries its gates."""
    return {"name": f"{result.relation}.{result.gate}", "detail": result.sentence(), **result.as_dict()}
