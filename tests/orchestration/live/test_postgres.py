"""PostgreSQL live against a real server with a logical log: each way sees what it promises, and nothing is skipped."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from nexus import postgres
from nexus.errors import InputError
from nexus.settings import Settings
from orchestration.live.connections import opened
from orchestration.live.landed import landed
from orchestration.live.pull import pull
from orchestration.sources.postgres import live as live_postgres
from tests import homes
from tests.orchestration.live.conftest import Connect


@pytest.fixture(scope="module")
def shop() -> Iterator[str]:
    """DSN of somebody else's database."""
    with homes.home("shop") as settings:
        with psycopg.connect(postgres.dsn(settings), autocommit=True) as admin:
            admin.execute("alter system set wal_level = 'logical'")
            admin.execute("create database shop")
        server = postgres.describe(settings)
        server.run("pg_ctl", "restart", "-D", str(server.data), "-w", "-m", "fast", "-l", str(server.log))
        yield postgres.dsn(settings, "shop")


@pytest.fixture
def db(shop: str) -> Iterator[psycopg.Connection]:
    with psycopg.connect(shop, autocommit=True) as connection:
        connection.execute("drop schema public cascade; create schema public")
        connection.execute(
            "create table orders (id bigint generated always as identity primary key, total numeric(12, 2),"
            " tags text[], changed_at timestamptz not null default now())"
        )
        connection.execute("create table member (club text, person uuid, since date, primary key (club, person))")
        yield connection
        connection.execute("drop publication if exists nexus")
        connection.execute("select pg_drop_replication_slot(slot_name) from pg_replication_slots")


def _rows(settings: Settings, connection: Any, table: str = "public.orders") -> dict[str, Any]:
    with landed(settings, connection) as ask:
        found = ask(f"select row_key, is_deleted, row_document from raw_postgres__row where table_name = '{table}'")
    return {key: None if deleted else json.loads(row) for key, deleted, row in found}


def _truth(db: psycopg.Connection, table: str = "orders") -> list[Any]:
    db.execute("set timezone to 'UTC'")
    return [row[0] for row in db.execute(f"select to_jsonb(t) from {table} t order by 1".encode())]


def _present(rows: dict[str, Any]) -> list[Any]:
    return sorted((r for r in rows.values() if r is not None), key=lambda r: r.get("id", 0))


def test_watermark_sees_changes_and_late_commits(
    settings: Settings, db: psycopg.Connection, shop: str, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live_postgres, "_PAGE", 7)
    connection = connect(
        "shop", source="postgres", secrets={"dsn": shop}, tables=[{"name": "orders", "watermark": "changed_at"}]
    )
    db.execute("insert into orders (total, tags) select n / 4.0, array['a', n::text] from generate_series(1, 30) n")
    with psycopg.connect(shop) as slow:  # began before the pull, commits after it
        slow.execute("insert into orders (total) values (99.5)")
        pull(connection, settings).raise_failed()
        assert len(_rows(settings, connection)) == 30
        db.execute("update orders set total = -1, changed_at = now() where id = 3")
        pull(connection, settings).raise_failed()
    third = pull(connection, settings)
    third.raise_failed()
    assert _present(_rows(settings, connection)) == _truth(db)
    assert third.total.landed == 1  # what was read again had not changed
    assert pull(connection, settings).total.landed == 0


def test_keys_without_a_watermark(settings: Settings, db: psycopg.Connection, shop: str, connect: Connect) -> None:
    connection = connect("shop", source="postgres", secrets={"dsn": shop}, tables=["public.orders", "member"])
    db.execute("insert into orders (total) select n from generate_series(1, 5) n")
    db.execute(
        "insert into member values ('chess, \"A\"', gen_random_uuid(), '2026-01-01'), ('go', gen_random_uuid(), null)"
    )
    pull(connection, settings).raise_failed()
    db.execute("insert into orders (total) values (6)")
    db.execute("update member set since = '2026-02-02'")
    pull(connection, settings).raise_failed()
    assert _present(_rows(settings, connection)) == _truth(db)
    members = _rows(settings, connection, "public.member").values()
    assert sorted(members, key=lambda r: r["club"]) == _truth(db, "member")


def test_replication_sees_everything(
    settings: Settings, db: psycopg.Connection, shop: str, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live_postgres, "_CHANGES", 10)
    db.execute("create publication nexus for table orders, member with (publish = 'insert, update, delete')")
    connection = connect(
        "shop", source="postgres", secrets={"dsn": shop}, tables=["orders", "member"], replication={"slot": "nexus"}
    )
    db.execute("insert into orders (total, tags) select n, array[repeat('x', 9000)] from generate_series(1, 20) n")
    db.execute("insert into member values ('go', '00000000-0000-0000-0000-000000000001', null)")
    pull(connection, settings).raise_failed()
    assert _present(_rows(settings, connection)) == _truth(db)
    db.execute("update orders set total = total * 2 where id % 2 = 0")  # large values stay out of the log
    db.execute("delete from orders where id in (1, 2)")
    db.execute("insert into orders (total) values (7)")
    db.execute("update member set club = 'shogi'")  # another key: the old one is gone
    with db.transaction(force_rollback=True):
        db.execute("insert into orders (total) values (-5)")
    pull(connection, settings).raise_failed()
    rows = _rows(settings, connection)
    assert _present(rows) == _truth(db)
    assert sorted(key for key, row in rows.items() if row is None) == ['["1"]', '["2"]']
    members = _rows(settings, connection, "public.member")
    assert {json.loads(key)[0]: row is None for key, row in members.items()} == {"go": True, "shogi": False}
    assert pull(connection, settings).total.read == 0
    db.execute("select pg_drop_replication_slot('nexus')")
    lost = pull(connection, settings)
    with pytest.raises(InputError, match="changes have been missed"):
        lost.raise_failed()


def test_what_is_missing_is_told(settings: Settings, db: psycopg.Connection, shop: str, connect: Connect) -> None:
    db.execute("create table heap (x int)")
    connection = connect(
        "shop", source="postgres", secrets={"dsn": shop}, tables=["orders", "heap", "nowhere"], replication={}
    )
    with opened(connection) as live:
        told = {f.subject: (f.level, f.message) for f in live.check()}
    assert told["public.orders"][0] == "ok"
    assert "no primary key" in told["public.heap"][1]
    assert "no table public.nowhere" in told["public.nowhere"][1]
    assert told["publication nexus"][0] == "fail"
    assert told["wal_level"] == ("ok", "logical")
