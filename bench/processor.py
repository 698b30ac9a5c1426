"""Processor time of this process, of those it has started, and of the PostgreSQL that works for it.

Belongs here: adding it up. Does not belong here: what is measured (rows/).
"""

from __future__ import annotations

import resource
from pathlib import Path

import psutil
import psycopg

from nexus import postgres
from nexus.settings import Settings


def spent(settings: Settings) -> float:
    """Seconds of processor time until now. The server is one of this machine, whose processes may be looked at."""
    total = 0.0
    for whose in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN):
        used = resource.getrusage(whose)
        total += used.ru_utime + used.ru_stime
    server = _server(settings)
    # a connection's process counts for the server once it has ended
    ended = server.cpu_times()
    total += ended.user + ended.system + ended.children_user + ended.children_system
    for process in server.children(recursive=True):
        try:
            times = process.cpu_times()
        except psutil.NoSuchProcess:
            continue
        total += times.user + times.system
    return total


def _server(settings: Settings) -> psutil.Process:
    with psycopg.connect(postgres.dsn(settings)) as connection:
        row = connection.execute("show data_directory").fetchone()
    assert row is not None
    return psutil.Process(int((Path(row[0]) / "postmaster.pid").read_text().split("\n", 1)[0]))
