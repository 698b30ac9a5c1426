"""The gate made from a contract: sound tables pass, each broken promise is named; volume; results as JSON."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import duckdb
import pytest

from nexus.contracts import Column, Kind, Table
from warehouse.quality import check_contract, check_volume
from warehouse.quality.contract import profile, promises
from warehouse.quality.expectations import contract_suite, rule_suite, validate

TABLE = Table(
    source="shop",
    name="order",
    columns=(
        Column("order_id", required=True),
        Column("status", values=("open", "paid")),
        Column("amount_minor", Kind.integer, minimum=0),
        Column("ordered_at", Kind.timestamp),
        Column("lines", Kind.json),
    ),
    id="order_id",
    select="",
)
SOUND = """
create schema raw;
create table raw.raw_shop__order as select * from (values
    ('w', 'o1', 'h', 'b', 'f', 1::bigint, timestamp '2026-01-01', '{}', 1::bigint, 'o1', 'open', 5::bigint,
     timestamp '2026-01-01', '[]'),
    ('w', 'o2', 'h', 'b', 'f', 2::bigint, timestamp '2026-01-01', null, 1::bigint, 'o2', null, 0::bigint, null, null))
as t(workspace_id, _record_key, _record_hash, _batch_id, _source_file, _source_line, _landed_at, _extra, _load_seq,
     order_id, status, amount_minor, ordered_at, lines);
"""
BROKEN = {
    "order_id is set": "update raw.raw_shop__order set order_id = null where order_id = 'o1'",
    "status has allowed values": "update raw.raw_shop__order set status = 'lost'",
    "amount_minor is large enough": "update raw.raw_shop__order set amount_minor = -1",
    "order_id is unique": "update raw.raw_shop__order set order_id = 'o1'",
    "ordered_at has its type": "alter table raw.raw_shop__order alter ordered_at type date",
    "lines has its type": "alter table raw.raw_shop__order drop lines",
    "workspace_id is set": "update raw.raw_shop__order set workspace_id = null",
}


@pytest.fixture
def connection() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as made:
        yield made


@pytest.fixture
def reads(connection: duckdb.DuckDBPyConnection) -> Any:
    class Candidate:
        def rows(self, sql: str) -> list[dict[str, Any]]:
            answer = connection.execute(sql)
            names = [column[0] for column in answer.description]
            return [dict(zip(names, row, strict=True)) for row in answer.fetchall()]

    return Candidate()


def test_sound_table_passes(connection: duckdb.DuckDBPyConnection, reads: Any) -> None:
    connection.execute(SOUND)
    (result,) = check_contract([TABLE], reads)
    assert result.passed, result.sentence()
    assert result.violations == 0


def test_the_suite_says_of_sound_counts_what_is_taken_for_granted(
    connection: duckdb.DuckDBPyConnection, reads: Any
) -> None:
    connection.execute(SOUND)
    assert validate(contract_suite(TABLE.relation), profile(TABLE, reads)).success
    assert validate(rule_suite("fct_x", {"a": "…", "b": "…"}), [{"a": 0, "b": 0}]).success
    assert not validate(rule_suite("fct_x", {"a": "…", "b": "…"}), [{"a": 0, "b": 1}]).success


def test_a_column_more_is_welcome(connection: duckdb.DuckDBPyConnection, reads: Any) -> None:
    connection.execute(SOUND + "alter table raw.raw_shop__order add column coupon varchar;")
    assert check_contract([TABLE], reads)[0].passed


@pytest.mark.parametrize("promise", BROKEN)
def test_broken_promise_is_named(connection: duckdb.DuckDBPyConnection, reads: Any, promise: str) -> None:
    connection.execute(SOUND + BROKEN[promise])
    (result,) = check_contract([TABLE], reads)
    assert not result.passed
    assert promise in [f"{row['column']} {row['promise']}" for row in result.failing]
    assert promise in result.observed
    json.dumps(result.as_dict())
    if result.look:
        assert reads.rows(result.look)


def test_missing_table_fails(connection: duckdb.DuckDBPyConnection, reads: Any) -> None:
    (result,) = check_contract([TABLE], reads)
    assert not result.passed


def test_every_kind_of_promise_is_counted() -> None:
    made: Callable[[str], set[str]] = lambda name: {p.name for p in promises(TABLE) if p.column == name}  # noqa: E731
    assert made("order_id") == {"is set"}
    assert made("status") == {"has allowed values"}
    assert made("amount_minor") == {"is large enough"}
    assert made("ordered_at") == set()


@pytest.mark.parametrize(
    ("now", "before", "passed"),
    [(80, 100, True), (79, 100, False), (0, 19, True), (5, 0, True), (0, 20, False), (16, 20, True)],
)
def test_volume(now: int, before: int, passed: bool) -> None:
    (result,) = check_volume({"fct_payment": now}, {"fct_payment": before})
    assert result.passed is passed


def test_a_vanished_relation_fails() -> None:
    (result,) = check_volume({}, {"fct_payment": 50})
    assert not result.passed
    assert "50 in the version being read" in result.observed
