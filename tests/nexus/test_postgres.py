"""The embedded PostgreSQL: starts on demand, is shared, ends with its last user, opens nothing to the world."""

from __future__ import annotations

import os
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from nexus import postgres
from nexus.settings import Settings

pytestmark = pytest.mark.integration

_USER = """
import sys, pathlib
from nexus import postgres
from nexus.settings import Settings
postgres.dsn(Settings(home=pathlib.Path(sys.argv[1])))
print("ready", flush=True)
sys.stdin.readline()
"""


@pytest.fixture
def settings() -> Iterator[Settings]:
    with tempfile.TemporaryDirectory(prefix="nexus-pg-") as folder:
        made = Settings(home=Path(folder) / "home")
        yield made
        postgres.release(made)
        server = postgres.describe(made)
        postgres.stop(server)
        shutil.rmtree(server.data, ignore_errors=True)


def _other_user(settings: Settings) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-c", _USER, str(settings.home)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process


def test_opens_no_port_and_no_folder_to_others(settings: Settings) -> None:
    parent = settings.home.parent
    before = stat.S_IMODE(parent.stat().st_mode)
    with psycopg.connect(postgres.dsn(settings)) as connection:
        assert connection.execute("show listen_addresses").fetchone() == ("",)
    server = postgres.describe(settings)
    assert stat.S_IMODE(parent.stat().st_mode) == before == 0o700
    assert stat.S_IMODE(server.data.stat().st_mode) == 0o700
    assert stat.S_IMODE(server.socket.stat().st_mode) == 0o700


def test_last_user_stops_it(settings: Settings) -> None:
    postgres.dsn(settings)
    server = postgres.describe(settings)
    other = _other_user(settings)
    postgres.release(settings)
    assert server.pid is not None, "the other process still uses it"
    other.communicate("\n", timeout=30)
    assert server.pid is None


def test_killed_user_does_not_keep_it(settings: Settings) -> None:
    other = _other_user(settings)
    os.kill(other.pid, signal.SIGKILL)
    other.communicate()
    postgres.dsn(settings)
    postgres.release(settings)
    assert postgres.describe(settings).pid is None


def test_recovers_after_kill_9_of_the_server(settings: Settings) -> None:
    with psycopg.connect(postgres.dsn(settings)) as connection:
        connection.execute("create table kept as select 1 as one")
        # what recovery takes is mostly this
        method = "syncfs" if sys.platform == "linux" else "fsync"
        assert connection.execute("show recovery_init_sync_method").fetchone() == (method,)
    pid = postgres.describe(settings).pid
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    while Path(f"/proc/{pid}").exists() and b"Z" not in Path(f"/proc/{pid}/stat").read_bytes().split(b")")[-1][:3]:
        pass
    with psycopg.connect(postgres.dsn(settings)) as connection:
        assert connection.execute("select one from kept").fetchone() == (1,)


def test_own_server_is_used_as_given() -> None:
    settings = Settings(database_url="postgresql://nexus:secret@db.example:5432/nexus")
    assert postgres.dsn(settings) == "postgresql://nexus:secret@db.example:5432/nexus"
    assert "secret" not in repr(settings)
