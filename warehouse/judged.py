"""How far each gate has judged the build: what has passed once, and is as it was, is not read again.

Belongs here: the number up to which a gate has passed, kept in the warehouse that is judged, so that both vanish together.
Does not belong here: judging (quality/), what a gate's number counts (loads of raw tables, builds of marts).

`stamp` stands for what a gate promises: the contract of a table, the query of a rule. A gate that promises something else
has judged nothing yet.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from warehouse.land.sql import literal


class Judged(Protocol):
    """An open build in which is kept what was judged. The caller holds the build lock."""

    def rows(self, sql: str) -> list[dict[str, Any]]: ...

    def run(self, sql: str) -> None: ...


def judged(build: Judged, stamps: Mapping[str, str]) -> dict[str, int]:
    """By gate the number up to which it has passed, of those in `stamps` that promise what they promised then."""
    build.run(TABLE)
    rows = build.rows("select gate, stamp, number from raw._judged")
    return {str(r["gate"]): int(r["number"]) for r in rows if stamps.get(str(r["gate"])) == r["stamp"]}


def passed(build: Judged, numbers: Mapping[str, int], stamps: Mapping[str, str]) -> None:
    """These gates have passed, each up to its number."""
    if not numbers:
        return
    listed = ", ".join(map(literal, numbers))
    rows = ", ".join(f"({literal(gate)}, {literal(stamps[gate])}, {number})" for gate, number in numbers.items())
    build.run("begin")
    try:
        build.run(TABLE)
        build.run(f"delete from raw._judged where gate in ({listed})")
        build.run(f"insert into raw._judged (gate, stamp, number) values {rows}")
        build.run("commit")
    except BaseException:
        build.run("rollback")
        raise


#: Tests of dbt, by their unique id, stand there too: macros/incremental/judged.sql.
TABLE = """
    create schema if not exists raw;
    create table if not exists raw._judged (gate text not null, stamp text not null, number bigint not null)
"""
