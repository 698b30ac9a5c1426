"""PostgreSQL live against a real server with a logical log: each way sees what it promises, and nothing is skipped."""

from __future__ import annotations

import json
from datetime import datetime, timedelta

import psycopg
import pytest

from nexus.connections import Connection
from nexus.errors import InputError
from nexus.settings import Settings
from orchestration.live import pull as pulling
from orchestration.live.connections import opened
from orchestration.live.pull import pull
from orchestration.sources.postgres import live as live_postgres
from tests.orchestration.live.conftest import Connect
from tests.orchestration.live.shop import cursor_of, present, put_cursor, rows_of, truth


def _break_off(connection: Connection, settings: Settings, *, after: int) -> None:
    """A pull that ends with its landing number `after`."""
    landings = 0

    def stop(step: str) -> None:
        nonlocal landings
        landings += step == "landed"
        if landings == after:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        pull(connection, settings, checkpoint=stop)


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


@pytest.mark.parametrize(
    ("kind", "old"),
    [
        ("timestamptz", "now() - interval '2 days'"),
        ("date", "current_date - 30"),
        ("bigint", "1"),
        ("numeric(20, 3)", "0.5"),
    ],
)
def test_rows_without_a_watermark_land_too(
    settings: Settings, db: psycopg.Connection, shop: str, connect: Connect, monkeypatch: pytest.MonkeyPatch, kind: str, old: str
) -> None:  # fmt: skip
    monkeypatch.setattr(live_postgres, "_PAGE", 2)
    db.execute(f"create table task (id bigint primary key, v int, at {kind})".encode())
    db.execute("insert into task select n, 0, null from generate_series(1, 5) n")
    connection = connect("shop", source="postgres", secrets={"dsn": shop}, tables=[{"name": "task", "watermark": "at"}])
    pull(connection, settings).raise_failed()
    assert present(rows_of(settings, connection, "public.task")) == truth(db, "task")
    db.execute(f"insert into task values (6, 0, {old})".encode())
    pull(connection, settings).raise_failed()
    db.execute("update task set v = 1 where id = 2")
    db.execute("insert into task values (7, 0, null)")
    third = pull(connection, settings)
    third.raise_failed()
    assert third.total.landed == 2
    assert present(rows_of(settings, connection, "public.task")) == truth(db, "task")


def test_what_was_open_when_a_pull_broke_off_is_seen_by_the_next_but_one(
    settings: Settings, db: psycopg.Connection, shop: str, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live_postgres, "_PAGE", 5)
    monkeypatch.setattr(pulling, "SPOOL_RECORDS", 5)
    connection = connect(
        "shop", source="postgres", secrets={"dsn": shop}, tables=[{"name": "orders", "watermark": "changed_at"}]
    )
    ago = "insert into orders (total, changed_at) select n, now() - {} + n * interval '1 second' from generate_series(1, 10) n"
    db.execute(ago.format("interval '3 hours'").encode())
    db.execute("insert into orders (total) select n from generate_series(1, 6) n")
    with psycopg.connect(shop) as slow:
        slow.execute("insert into orders (total, changed_at) values (99.5, now() - interval '3 minutes')")
        _break_off(connection, settings, after=3)
    assert len(rows_of(settings, connection)) == 15
    for hours in (1, 2):  # more than overlap_seconds later
        db.execute(ago.format(f"interval '-{hours} hours'").encode())
        pull(connection, settings).raise_failed()
    assert present(rows_of(settings, connection)) == truth(db)
    assert pull(connection, settings).total.landed == 0


def test_a_pull_that_broke_off_goes_on_where_it_was(
    settings: Settings, db: psycopg.Connection, shop: str, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live_postgres, "_PAGE", 5)
    monkeypatch.setattr(pulling, "SPOOL_RECORDS", 5)
    db.execute("create table task (id bigint primary key, at timestamptz)")
    db.execute("insert into task select n, case when n > 10 then now() end from generate_series(1, 20) n")
    db.execute("insert into orders (total) select n from generate_series(1, 20) n")
    connection = connect(
        "shop", source="postgres", secrets={"dsn": shop}, tables=["orders", {"name": "task", "watermark": "at"}]
    )
    _break_off(connection, settings, after=2)
    _break_off(connection, settings, after=6)  # within the rows of `task` that have no watermark
    last = pull(connection, settings, streams=("public.task",))
    last.raise_failed()
    assert last.total.read == 5
    for table in ("orders", "task"):
        assert present(rows_of(settings, connection, f"public.{table}")) == truth(db, table)


def test_a_number_as_watermark_sees_changes_and_numbers_that_came_late(
    settings: Settings, db: psycopg.Connection, shop: str, connect: Connect
) -> None:
    db.execute("create table page (id bigint primary key, version bigint not null)")
    db.execute("insert into page select n, n * 10 from generate_series(1, 300) n")
    connection = connect(
        "shop", source="postgres", secrets={"dsn": shop}, tables=[{"name": "page", "watermark": "version"}]
    )
    pull(connection, settings).raise_failed()
    db.execute("update page set version = 3001 where id = 7")
    db.execute("insert into page values (301, 2002)")  # its transaction took the number before others did
    second = pull(connection, settings)
    second.raise_failed()
    assert second.total.landed == 2
    assert second.total.read < 110, "the last thousand numbers are read again"
    assert present(rows_of(settings, connection, "public.page")) == truth(db, "page")


def test_changed_rows_of_a_table_that_is_only_counted_are_seen_when_it_is_read_anew(
    settings: Settings, db: psycopg.Connection, shop: str, connect: Connect
) -> None:
    connection = connect("shop", source="postgres", secrets={"dsn": shop}, tables=["orders"], reread_days=3)
    db.execute("insert into orders (total) select n from generate_series(1, 2000) n")
    pull(connection, settings).raise_failed()
    db.execute("update orders set total = -1 where id = 5")
    young = pull(connection, settings)
    young.raise_failed()
    assert young.total.read == 1000
    cursor = cursor_of(settings, connection, "public.orders")
    read_at = datetime.fromisoformat(cursor["read_at"]) - timedelta(days=3)
    put_cursor(settings, connection, "public.orders", {**cursor, "read_at": read_at.isoformat()})
    old = pull(connection, settings)
    old.raise_failed()
    assert (old.total.read, old.total.landed) == (2000, 1)
    assert present(rows_of(settings, connection)) == truth(db)
    assert pull(connection, settings).total.read == 1000


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


def test_a_watermark_that_is_of_no_use_is_told(
    settings: Settings, db: psycopg.Connection, shop: str, connect: Connect
) -> None:
    db.execute("create domain moment as timestamptz not null")
    db.execute("create table a (id bigint primary key, at timestamptz, word text, seen moment)")
    of = {"nullable": "at", "text": "word", "none": "nowhere", "good": "seen"}
    told = {}
    for name, column in of.items():
        connection = connect(
            name, source="postgres", secrets={"dsn": shop}, tables=[{"name": "a", "watermark": column}]
        )
        with opened(connection) as live:
            told[name] = next((f.level, f.message) for f in live.check() if f.subject == "public.a")
        if told[name][0] == "fail":
            with pytest.raises(InputError, match=column):
                pull(connection, settings).raise_failed()
    assert told["nullable"] == ("warn", "can be read; key id; rows whose at is null are read at every pull")
    assert told["text"] == ("fail", "column 'word' of public.a is of type text, which is no watermark")
    assert told["none"] == ("fail", "public.a has no column 'nowhere'")
    assert told["good"] == ("ok", "can be read; key id")


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
    assert told["slot nexus"][1].startswith("is not there: the first pull makes it")
