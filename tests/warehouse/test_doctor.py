"""What `nexus doctor` says of the lock of a build."""

from __future__ import annotations

import os
from datetime import timedelta

import psycopg
import pytest

from nexus import postgres
from nexus.settings import Settings
from warehouse import doctor, ledger
from warehouse.land import native
from warehouse.publish import build_lock


def test_a_lock_that_is_held_for_too_long_is_named_with_its_holder(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    with build_lock(settings) as lock:
        held, _ = doctor.checks(settings)
        assert (held.level, held.message) == ("ok", f"a build is under way: process `nexus {os.getpid()}`")
        monkeypatch.setattr(doctor, "_LONG", timedelta(0))
        stale, _ = doctor.checks(settings)
        assert stale.level == "warn"
        assert f"`nexus {os.getpid()}`" in stale.message
        with psycopg.connect(postgres.dsn(settings), autocommit=True) as connection:
            connection.execute(stale.remedy.partition("on the server: ")[2].encode())
        with pytest.raises(psycopg.OperationalError):
            lock.connection.execute("select 1")
    free, _ = doctor.checks(settings)
    assert (free.subject, free.level, free.message) == ("build lock", "ok", "free")


def test_other_locks_and_other_databases_are_not_it(settings: Settings) -> None:
    with ledger.connect(settings) as connection, ledger.locked(connection, "another"):
        assert ledger.held_by(connection, "nexus.build") is None
        assert ledger.held_by(connection, "another") is not None


def test_without_a_server_there_is_no_lock(tmp_path: object) -> None:
    found = doctor.checks(Settings(home=tmp_path, database_url=None))  # type: ignore[arg-type]
    assert [each.subject for each in found] == ["C compiler"]


def test_a_compiler_that_is_missing_is_named_with_what_is_lost(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(native, "compiler", lambda: "/usr/bin/cc")
        assert [each.level for each in doctor.checks(settings) if each.subject == "C compiler"] == ["ok"]
    monkeypatch.setenv("PATH", "")
    (found,) = (each for each in doctor.checks(settings) if each.subject == "C compiler")
    assert (found.level, "nearly twice as long" in found.message, "gcc" in found.remedy) == ("warn", True, True)
