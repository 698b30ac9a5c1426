"""A source table's contract as a gate: every promise becomes a row, judged by a Great Expectations suite.

Belongs here: which promises a contract makes and the one query that counts their violations.
Does not belong here: judging (expectations.py) and records that never reached the table (quarantine, warehouse/land).

The counting is pushed into the engine, one scan a table; the suite sees one row for each promise, so that a table of
a million rows costs as much to judge as one of ten.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from nexus.contracts import META, Column, Kind, Table
from warehouse.quality.result import GateResult, Reads

GATE = "contract"
#: Type names of both engines, as information_schema writes them, by kind.
_TYPES = {
    Kind.string: {"varchar", "text", "character varying"},
    Kind.json: {"varchar", "text", "character varying"},
    Kind.integer: {"bigint"},
    Kind.decimal: {"decimal(38,9)", "numeric"},
    Kind.boolean: {"boolean"},
    Kind.timestamp: {"timestamp", "timestamp without time zone"},
    Kind.date: {"date"},
}
_ALWAYS_SET = ("workspace_id", "_record_key", "_batch_id", "_landed_at")


@dataclass(frozen=True, slots=True)
class Promise:
    """One promise of a contract: `condition` is SQL that is true for a row that breaks it."""

    column: str
    name: str
    expected: str
    condition: str


def promises(table: Table) -> list[Promise]:
    """What can be counted row by row: not null, allowed values, minimum."""
    found = [Promise(name, "is set", "no null", f"{_q(name)} is null") for name in _ALWAYS_SET]
    for column in table.columns:
        name = _q(column.name)
        if column.required:
            found.append(Promise(column.name, "is set", "no null", f"{name} is null"))
        if column.values:
            listed = ", ".join("'" + v.replace("'", "''") + "'" for v in column.values)
            found.append(
                Promise(
                    column.name, "has allowed values", f"one of {', '.join(column.values)}", f"{name} not in ({listed})"
                )
            )
        if column.minimum is not None:
            expected = f"at least {column.minimum}"
            found.append(Promise(column.name, "is large enough", expected, f"{name} < {column.minimum}"))
    return found


def profile(table: Table, reads: Reads, since: int | None = None) -> list[dict[str, object]]:
    """One row for each promise with what the table holds: column, promise, expected, observed, violations.

    With `since`, of rows that later loads have brought, and of rows that share a key with these.
    """
    actual = {
        str(row["column_name"]): str(row["data_type"]).lower()
        for row in reads.rows(
            "select column_name, data_type from information_schema.columns"
            f" where table_schema = 'raw' and table_name = '{table.relation}' and table_catalog = current_database()"
        )
    }
    rows = [_schema_row(name, kind, actual) for name, kind in _columns(table)]
    countable = [p for p in promises(table) if p.column in actual]
    counted = reads.rows(_count_query(table, countable, since))[0] if actual else {}
    for number, promise in enumerate(countable):
        violations = int(counted[f"p{number}"])
        rows.append(_row(promise.column, promise.name, promise.expected, f"{violations} rows", violations))
    if actual:
        doubled = int(counted["doubled"])
        key = table.id or "_record_key"
        rows.append(_row(key, "is unique", "one row for each key", f"{doubled} rows too many", doubled))
    return rows


def check_contract(tables: Iterable[Table], reads: Reads, since: Mapping[str, int] | None = None) -> list[GateResult]:
    """The gate `contract` of each table.

    `since` names, by relation, the load up to which it has passed before: a row is never changed, so what has passed would
    pass again, and only what came later, and whatever shares a key with it, is read.
    """
    from warehouse.quality.expectations import judge_promises

    results = []
    for table in tables:
        began = time.perf_counter()
        rows = profile(table, reads, (since or {}).get(table.relation))
        broken = judge_promises(table.relation, rows)
        results.append(
            GateResult(
                gate=GATE,
                relation=table.relation,
                passed=not broken,
                observed=f"{len(broken)} of {len(rows)} promises broken"
                + (
                    ": " + "; ".join(f"{b['column']} {b['promise']} ({b['observed']})" for b in broken[:3])
                    if broken
                    else ""
                ),
                expected="every promise of the contract kept",
                description=f"Columns, types, required and allowed values, unique {table.id or 'record key'}.",
                violations=sum(int(str(b["violations"])) for b in broken),
                failing=broken[:20],
                seconds=round(time.perf_counter() - began, 3),
                look=_look(table, broken),
            )
        )
    return results


def _columns(table: Table) -> list[tuple[str, Kind]]:
    return [*META, *((c.name, c.kind) for c in table.columns)]


def _schema_row(name: str, kind: Kind, actual: dict[str, str]) -> dict[str, object]:
    there = actual.get(name)
    ok = there in _TYPES[kind]
    return _row(name, "has its type", kind.value, there or "missing", 0 if ok else 1)


def _row(column: str, promise: str, expected: str, observed: str, violations: int) -> dict[str, object]:
    return {
        "column": column, "promise": promise, "expected": expected, "observed": observed, "violations": violations,
    }  # fmt: skip


def _count_query(table: Table, counted: list[Promise], since: int | None) -> str:
    key, relation = _q(table.id or "_record_key"), f"raw.{table.relation}"
    parts = [f"count(*) filter (where {p.condition}) as p{n}" for n, p in enumerate(counted)]
    later = "" if since is None else f" where _load_seq > {since}"
    # a key that occurs twice occurs in a row that came later: the others were different before
    same = f"{relation} where (workspace_id, {key}) in (select workspace_id, {key} from {relation}{later})"
    within = relation if since is None else same
    unique = f"(select count(*) from {within}) - (select count(*) from (select distinct workspace_id, {key} from {within}) as k)"
    return f"select {', '.join([*parts, f'{unique} as doubled'])} from {relation}{later}"


def _look(table: Table, broken: list[dict[str, object]]) -> str:
    conditions = {(p.column, p.name): p.condition for p in promises(table)}
    shown = [conditions[k] for b in broken if (k := (str(b["column"]), str(b["promise"]))) in conditions]
    return f"select * from raw.{table.relation} where {' or '.join(shown)}" if shown else ""


def _q(name: str) -> str:
    return f'"{name}"'


__all__ = ["GATE", "Column", "Promise", "check_contract", "profile", "promises"]
