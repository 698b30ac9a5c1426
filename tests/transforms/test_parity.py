"""Marts and features hold the same rows on both engines, and the comparison sees it when they do not."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import duckdb
import psycopg
import pytest

from nexus import postgres
from nexus.settings import Settings
from tests.transforms.shared import Built
from warehouse.parity import Parity, compare, compare_builds

ROWS = "(1, 'a', timestamp '2026-01-01 10:00:00', 1.500000, true), (1, 'a', timestamp '2026-01-01 10:00:00', 1.500000, true), (2, null, null, null, null), (3, '', null, 0, false)"
TABLE = "create table {}.fct_thing (n bigint, t text, happened_at timestamp, share numeric(18,6), is_it boolean, _load_seq bigint)"


def test_every_mart_and_feature_is_equal_on_both_engines(built: Built) -> None:
    results = compare_builds(built.settings)
    different = {r.relation: r.difference for r in results if not r.is_equal}
    assert not different
    names = {r.relation for r in results}
    assert {"marts.fct_payment", "marts.fct_mrr_month", "marts.customer_360"} <= names
    assert sum(r.row_count for r in results) > 10_000


@pytest.fixture
def pair(session_settings: Settings, tmp_path: Path) -> Iterator[tuple[Path, psycopg.Connection, str]]:
    """One table with the same rows on both engines, in a database of its own on the PostgreSQL side."""
    dsn = postgres.dsn(session_settings, "parity_test")
    path = tmp_path / "duck.duckdb"
    with duckdb.connect(str(path)) as duck, psycopg.connect(dsn, autocommit=True) as pg:
        for run in (duck.execute, pg.execute):
            run("create schema parity")
            run(TABLE.format("parity"))
            run(f"insert into parity.fct_thing select *, 7 from (values {ROWS}) as v")
        duck.close()
        yield path, pg, dsn
        pg.execute("drop schema parity cascade")


def _only(path: Path, dsn: str) -> Parity:
    (result,) = compare(path, dsn, schemas=("parity",))
    return result


def test_equal_rows_in_another_order_are_equal(pair: tuple[Path, psycopg.Connection, str]) -> None:
    path, pg, dsn = pair
    pg.execute("create table parity.copy as select * from parity.fct_thing order by n desc")
    pg.execute("drop table parity.fct_thing")
    pg.execute("alter table parity.copy rename to fct_thing")
    assert _only(path, dsn) == Parity("parity.fct_thing", 4, None)


def test_how_a_row_was_loaded_is_not_compared(pair: tuple[Path, psycopg.Connection, str]) -> None:
    path, pg, dsn = pair
    pg.execute("update parity.fct_thing set _load_seq = 8")
    assert _only(path, dsn).is_equal


@pytest.mark.parametrize(
    ("change", "only_duckdb", "only_postgres"),
    [
        ("update parity.fct_thing set share = 1.500001 where n = 1", 2, 2),
        ("update parity.fct_thing set t = '' where t is null", 1, 1),
        ("insert into parity.fct_thing select * from parity.fct_thing where n = 1 limit 1", 0, 1),
        ("delete from parity.fct_thing where n = 3", 1, 0),
        ("update parity.fct_thing set happened_at = happened_at + interval '1 microsecond'", 2, 2),
    ],
)
def test_a_difference_is_found(
    pair: tuple[Path, psycopg.Connection, str], change: str, only_duckdb: int, only_postgres: int
) -> None:
    path, pg, dsn = pair
    pg.execute(change)
    difference = _only(path, dsn).difference
    assert difference is not None
    assert (difference.only_duckdb, difference.only_postgres) == (only_duckdb, only_postgres)
    assert len(difference.rows) == only_duckdb + only_postgres


def test_columns_and_relations_count_too(pair: tuple[Path, psycopg.Connection, str]) -> None:
    path, pg, dsn = pair
    pg.execute("alter table parity.fct_thing alter column n type integer")
    assert "n bigint (DuckDB)" in _only(path, dsn).note
    pg.execute("drop table parity.fct_thing")
    assert _only(path, dsn).note == "exists on DuckDB only"
