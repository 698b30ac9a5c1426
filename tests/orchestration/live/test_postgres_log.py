"""PostgreSQL's log: what was missed is told until the tables are copied anew, and the server may forget what was not."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from typing import Any

import psycopg
import pytest

from nexus.connections import Connection
from nexus.errors import InputError, ProviderError
from nexus.settings import Settings
from orchestration import sources_command
from orchestration.live.connections import opened
from orchestration.live.pull import pull
from orchestration.sources.postgres import following
from tests.orchestration.live.conftest import Connect
from tests.orchestration.live.shop import begin_anew, cursor_of, present, put_cursor, rows_of, truth


@pytest.fixture
def shop_log(db: psycopg.Connection, shop: str, connect: Connect) -> Connection:
    """A connection to the log of table `orders`."""
    db.execute("create publication nexus for table orders with (publish = 'insert, update, delete')")
    return connect("shop", source="postgres", secrets={"dsn": shop}, tables=["orders"], replication={})


def _slot(db: psycopg.Connection) -> dict[str, Any]:
    row = db.execute("select to_jsonb(s) from pg_replication_slots s where slot_name = 'nexus'").fetchone()
    assert row
    return dict(row[0])


def _told(connection: Connection, subject: str) -> tuple[str, str, str]:
    with opened(connection) as live:
        return next((f.level, f.message, f.remedy) for f in live.check() if f.subject == subject)


def _until(condition: Callable[[], Any]) -> None:
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_a_slot_that_is_gone_is_told_until_the_tables_are_copied_anew(
    settings: Settings, db: psycopg.Connection, shop_log: Connection
) -> None:
    db.execute("insert into orders (total) values (1), (2)")
    pull(shop_log, settings).raise_failed()
    db.execute("select pg_drop_replication_slot('nexus')")
    db.execute("insert into orders (total) values (3)")
    db.execute("update orders set total = 9 where id = 1")
    for _ in range(2):
        with pytest.raises(InputError, match="slot 'nexus' is gone, so changes have been missed") as told:
            pull(shop_log, settings).raise_failed()
        assert "nexus sources pull NAME --again" in (told.value.remedy or "")
    begin_anew(settings, shop_log)
    pull(shop_log, settings).raise_failed()
    db.execute("insert into orders (total) values (4)")
    pull(shop_log, settings).raise_failed()
    assert present(rows_of(settings, shop_log)) == truth(db)


@pytest.mark.parametrize("landed_before", [0, 2], ids=["nothing had changed", "changes had landed"])
def test_a_cursor_from_a_backup_is_told_until_the_tables_are_copied_anew(
    settings: Settings, db: psycopg.Connection, shop_log: Connection, landed_before: int
) -> None:
    pull(shop_log, settings).raise_failed()
    db.execute("insert into orders (total) select n from generate_series(1, %s) n", [landed_before])
    if landed_before:
        pull(shop_log, settings).raise_failed()
    kept = cursor_of(settings, shop_log, "changes")
    db.execute("insert into orders (total) values (3)")
    pull(shop_log, settings).raise_failed()
    put_cursor(settings, shop_log, "changes", kept)
    for _ in range(2):
        with pytest.raises(InputError, match="so changes have been missed: Nexus was restored from a backup"):
            pull(shop_log, settings).raise_failed()
    begin_anew(settings, shop_log)
    pull(shop_log, settings).raise_failed()
    pull(shop_log, settings).raise_failed()
    assert present(rows_of(settings, shop_log)) == truth(db)


def test_a_database_that_was_put_back_is_told(settings: Settings, db: psycopg.Connection, shop_log: Connection) -> None:
    pull(shop_log, settings).raise_failed()
    put_cursor(settings, shop_log, "changes", {"lsn": "FFFF/0"})
    with pytest.raises(InputError, match="put back to an earlier state"):
        pull(shop_log, settings).raise_failed()


def test_what_landed_before_the_slot_was_advanced_comes_once(
    settings: Settings, db: psycopg.Connection, shop_log: Connection
) -> None:
    pull(shop_log, settings).raise_failed()
    db.execute("insert into orders (total) values (1), (2)")
    before = _slot(db)["confirmed_flush_lsn"]

    def die(step: str) -> None:
        if step == "landed":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        pull(shop_log, settings, checkpoint=die)
    assert _slot(db)["confirmed_flush_lsn"] == before
    db.execute("insert into orders (total) values (3)")
    after = pull(shop_log, settings)
    after.raise_failed()
    assert after.total.read == 1
    assert present(rows_of(settings, shop_log)) == truth(db)


def test_an_idle_pull_lets_the_server_forget_its_log(
    settings: Settings, db: psycopg.Connection, shop: str, shop_log: Connection
) -> None:
    db.execute("create table busy (id bigint, filler text)")
    pull(shop_log, settings).raise_failed()
    with psycopg.connect(shop) as open_since_before:
        open_since_before.execute("insert into orders (total) values (5)")
        kept = []
        for _ in range(3):
            first = _slot(db)
            db.execute("insert into busy select n, repeat('x', 1000) from generate_series(1, 2000) n")
            pull(shop_log, settings).raise_failed()
            kept.append(_slot(db)["confirmed_flush_lsn"] != first["confirmed_flush_lsn"])
        assert all(kept)
        assert cursor_of(settings, shop_log, "changes")["lsn"] == _slot(db)["confirmed_flush_lsn"]
    pull(shop_log, settings).raise_failed()
    assert present(rows_of(settings, shop_log)) == truth(db), "it committed after the slot had gone on"
    held = _slot(db)["restart_lsn"]
    for _ in range(3):
        db.execute("insert into busy select n, repeat('x', 1000) from generate_series(1, 2000) n")
        db.execute("checkpoint")  # says which transactions run: from there a slot can begin again
        pull(shop_log, settings).raise_failed()
    assert _slot(db)["restart_lsn"] != held


def test_a_slot_that_the_server_has_given_up_is_told_with_its_remedy(
    settings: Settings, db: psycopg.Connection, shop_log: Connection
) -> None:
    pull(shop_log, settings).raise_failed()
    assert _told(shop_log, "slot nexus")[0] == "ok"
    db.execute("alter system set max_slot_wal_keep_size = '1MB'")
    db.execute("select pg_reload_conf()")
    db.execute("create table busy (id bigint)")
    for _ in range(4):
        db.execute("insert into busy values (1)")
        db.execute("select pg_switch_wal()")
    assert _told(shop_log, "slot nexus")[0] == "warn"
    db.execute("insert into orders (total) values (1)")
    db.execute("checkpoint")
    for _ in range(2):
        with pytest.raises(InputError, match="invalidated the replication slot 'nexus'") as told:
            pull(shop_log, settings).raise_failed()
    remedy = told.value.remedy or ""
    assert _told(shop_log, "slot nexus") == ("fail", told.value.message.partition(": ")[2], remedy)
    assert "pull NAME --again" in remedy
    db.execute(remedy.partition(",")[0].encode())
    begin_anew(settings, shop_log)
    pull(shop_log, settings).raise_failed()
    assert present(rows_of(settings, shop_log)) == truth(db)


def test_a_commit_that_waits_for_a_standby_is_waited_for(
    settings: Settings, db: psycopg.Connection, shop: str, shop_log: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(following, "_VISIBLE_SECONDS", 0.2)
    db.execute("insert into orders (total) values (1)")
    pull(shop_log, settings).raise_failed()
    db.execute("alter system set synchronous_standby_names = 'nobody'")
    db.execute("select pg_reload_conf()")

    def change() -> None:
        with psycopg.connect(shop, autocommit=True) as other:
            other.execute("update orders set total = 2")

    thread = threading.Thread(target=change)
    thread.start()
    try:
        _until(lambda: db.execute("select from pg_stat_activity where wait_event = 'SyncRep'").fetchall())
        with pytest.raises(ProviderError, match="waits for a standby"):
            pull(shop_log, settings).raise_failed()
    finally:
        db.execute("alter system reset synchronous_standby_names")
        db.execute("select pg_reload_conf()")
        thread.join()
    pull(shop_log, settings).raise_failed()
    assert present(rows_of(settings, shop_log)) == truth(db)


def test_no_slot_is_made_before_the_publication(
    settings: Settings, db: psycopg.Connection, shop: str, connect: Connect
) -> None:
    connection = connect("shop", source="postgres", secrets={"dsn": shop}, tables=["orders"], replication={})
    with pytest.raises(InputError, match="no publication 'nexus'"):
        pull(connection, settings).raise_failed()
    db.execute("insert into orders (total) values (1)")
    db.execute("create publication nexus for table orders with (publish = 'insert, update, delete')")
    pull(connection, settings).raise_failed()
    db.execute("update orders set total = 2")
    pull(connection, settings).raise_failed()
    assert present(rows_of(settings, connection)) == truth(db)


def test_a_slot_of_another_database_is_refused(
    settings: Settings, db: psycopg.Connection, shop: str, shop_log: Connection
) -> None:
    with psycopg.connect(shop, dbname="postgres", autocommit=True) as other:
        other.execute("select pg_create_logical_replication_slot('nexus', 'pgoutput')")
        try:
            with pytest.raises(InputError, match="belongs to database 'postgres'"):
                pull(shop_log, settings).raise_failed()
        finally:
            other.execute("select pg_drop_replication_slot('nexus')")


@pytest.mark.parametrize(
    ("kind", "first", "second"),
    [
        ("char(3)", "EUR", "DM"), ("bit(3)", "101", "110"), ("varchar(5)", "short", "a b "), ("numeric(10, 2)", "1.50", "7"),
        ("timestamptz(0)", "2026-01-02 03:04:05+02", "2026-01-02 03:04:06+00"), ("numeric", "1.0", "1.00"),
        ('"char"', "a", "b"), ("date[]", "{2026-01-01,2026-01-02}", "{}"),
    ],
)  # fmt: skip
def test_keys_of_every_type_are_the_same_in_the_log_and_in_the_table(
    settings: Settings, db: psycopg.Connection, shop: str, connect: Connect, kind: str, first: str, second: str
) -> None:
    db.execute(f"create table priced (code {kind}, part int, v int, primary key (code, part))".encode())
    db.execute("create publication nexus for table priced with (publish = 'insert, update, delete')")
    connection = connect("shop", source="postgres", secrets={"dsn": shop}, tables=["priced"], replication={})
    db.execute(f"insert into priced values ('{first}', 1, 1), ('{second}', 2, 1), ('{second}', 3, 1)".encode())
    pull(connection, settings).raise_failed()
    copied = rows_of(settings, connection, "public.priced")
    db.execute("update priced set v = 2 where part < 3")
    db.execute("delete from priced where part = 3")
    pull(connection, settings).raise_failed()
    rows = rows_of(settings, connection, "public.priced")
    assert rows.keys() == copied.keys()
    assert {json.loads(key)[1]: row and row["v"] for key, row in rows.items()} == {"1": 2, "2": 2, "3": None}
    db.execute(
        f"update priced set code = '{second}', v = 4 where part = 1".encode()
    )  # another key: the old one is gone
    pull(connection, settings).raise_failed()
    rows = rows_of(settings, connection, "public.priced")
    assert sorted(row["v"] for row in rows.values() if row) == [2, 4]


def test_the_log_does_not_begin_anew_without_its_tables(
    settings: Settings, db: psycopg.Connection, shop_log: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("nexus.settings.get_settings", lambda: settings)
    db.execute("insert into orders (total) values (1)")
    pull(shop_log, settings).raise_failed()
    before = cursor_of(settings, shop_log, "changes")
    with pytest.raises(InputError, match=r"stream 'changes' cannot begin anew alone: .* in public\.orders") as told:
        sources_command._forget(shop_log, ("changes",))
    assert "nexus sources pull shop --workspace acme --again" in (told.value.remedy or "")
    assert cursor_of(settings, shop_log, "changes") == before
    sources_command._forget(shop_log, ("public.orders",))
    sources_command._forget(shop_log, ("changes", "public.orders"))
    assert cursor_of(settings, shop_log, "changes") == {}
