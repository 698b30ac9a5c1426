"""PostgreSQL live against a real server with a logical log: each way sees what it promises, and nothing is skipped."""

from __future__ import annotations

import json

import psycopg
import pytest

from nexus.settings import Settings
from orchestration.live.connections import opened
from orchestration.live.pull import pull
from orchestration.sources.postgres import live as live_postgres
from tests.orchestration.live.conftest import Connect
from tests.orchestration.live.shop import present, rows_of, truth


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
        assert len(rows_of(settings, connection)) == 30
        db.execute("update orders set total = -1, changed_at = now() where id = 3")
        pull(connection, settings).raise_failed()
    third = pull(connection, settings)
    third.raise_failed()
    assert present(rows_of(settings, connection)) == truth(db)
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
    assert present(rows_of(settings, connection)) == truth(db)
    members = rows_of(settings, connection, "public.member").values()
    assert sorted(members, key=lambda r: r["club"]) == truth(db, "member")


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
    assert present(rows_of(settings, connection)) == truth(db)
    db.execute("update orders set total = total * 2 where id % 2 = 0")  # large values stay out of the log
    db.execute("delete from orders where id in (1, 2)")
    db.execute("insert into orders (total) values (7)")
    db.execute("update member set club = 'shogi'")  # another key: the old one is gone
    with db.transaction(force_rollback=True):
        db.execute("insert into orders (total) values (-5)")
    pull(connection, settings).raise_failed()
    rows = rows_of(settings, connection)
    assert present(rows) == truth(db)
    assert sorted(key for key, row in rows.items() if row is None) == ['["1"]', '["2"]']
    members = rows_of(settings, connection, "public.member")
    assert {json.loads(key)[0]: row is None for key, row in members.items()} == {"go": True, "shogi": False}
    assert pull(connection, settings).total.read == 0


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
