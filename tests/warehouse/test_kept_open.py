"""A build stays open while a run works on it: opened once, let go of when something fails, closed at the end."""

from __future__ import annotations

import duckdb
import pytest

from nexus.settings import Settings
from warehouse import engines
from warehouse.engines.duckdb.connect import build_path


def is_open(settings: Settings) -> bool:
    """One process has one engine for a file, which nobody gets who says other options."""
    try:
        duckdb.connect(str(build_path(settings).resolve()), read_only=True).close()
    except duckdb.ConnectionException:
        return True
    return False


def note(settings: Settings, number: int) -> None:
    with engines.open_engine("duckdb", settings) as session:
        run = session.connection.execute  # type: ignore[attr-defined]
        run("create table if not exists note (number int)")
        run(f"insert into note values ({number})")


def test_it_stays_open_between_sessions_and_no_longer(settings: Settings) -> None:
    note(settings, 1)
    assert not is_open(settings), "a session of its own closes it"
    with engines.kept_open("duckdb", settings):
        assert not is_open(settings), "who opens nothing needs nothing"
        note(settings, 2)
        assert is_open(settings)
        engines.let_go("duckdb", settings)
        assert not is_open(settings)
        note(settings, 3)
    assert not is_open(settings)
    note(settings, 4)
    assert not is_open(settings)
    with duckdb.connect(str(build_path(settings)), read_only=True) as build:
        assert build.execute("select number from note order by 1").fetchall() == [(1,), (2,), (3,), (4,)]


def test_what_fails_lets_go_of_it(settings: Settings) -> None:
    """An engine that a full disk has made useless must not meet the step that is tried again."""
    with engines.kept_open("duckdb", settings):
        note(settings, 1)
        with pytest.raises(duckdb.Error), engines.open_engine("duckdb", settings) as session:
            session.connection.execute("select * from missing")  # type: ignore[attr-defined]
        assert not is_open(settings)
        note(settings, 2)
        assert is_open(settings)


def test_order_is_kept_again_after_dbt(settings: Settings) -> None:
    """dbt's sessions give the engine up the order of rows; publishing copies rows as they lie."""
    with engines.kept_open("duckdb", settings):
        note(settings, 1)
        with engines.open_engine("duckdb", settings) as session:
            session.connection.execute("set preserve_insertion_order = false")  # type: ignore[attr-defined]
        with engines.open_engine("duckdb", settings) as session:
            found = session.connection.execute("select current_setting('preserve_insertion_order')")  # type: ignore[attr-defined]
            assert found.fetchone() == (True,)
