"""What `nexus doctor` looks at in this layer: a restore that did not end, a lock that somebody does not give
back, a compiler that is missing.

Belongs here: the list of checks. Does not belong here: restoring (warehouse/backup), locks (ledger.py).
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from nexus.doctor import Finding
from nexus.settings import Settings

#: The longest build there should be: whoever holds the lock for longer is looked at.
_LONG = timedelta(hours=2)


def checks(settings: Settings) -> list[Finding]:
    return [*_restore(settings), *_build(settings), *_compiler()]


def _restore(settings: Settings) -> Iterator[Finding]:
    from warehouse.backup.restore import unfinished

    if source := unfinished(settings):
        yield Finding(
            "restore", "fail", f"the restore of {source} into this home did not end",
            f"nexus restore {source} (what it left is removed first)",
        )  # fmt: skip


def _compiler() -> Iterator[Finding]:
    from warehouse.land.native import compiler

    if found := compiler():
        yield Finding("C compiler", "ok", found)
    else:
        yield Finding(
            "C compiler", "warn", "none is found: large files of JSON lines take nearly twice as long to land, nothing else differs",
            "install one, e.g. `apt-get install gcc`",
        )  # fmt: skip


def _build(settings: Settings) -> Iterator[Finding]:
    """A lock falls with its process, so a stale one is that of a process that hangs, or of another machine that is gone."""
    import psycopg
    from psycopg.rows import dict_row

    from nexus import postgres
    from warehouse.ledger import held_by
    from warehouse.publish import BUILD

    if settings.database_url is None and postgres.describe(settings).pid is None:
        return  # without a server nobody holds anything
    try:
        with psycopg.connect(postgres.dsn(settings), connect_timeout=5, row_factory=dict_row) as connection:
            holder = held_by(connection, BUILD)
    except psycopg.OperationalError:
        return  # the kernel's own check says so
    if holder is None:
        yield Finding("build lock", "ok", "free")
    elif holder.since < _LONG:
        yield Finding("build lock", "ok", f"a build is under way: process `{holder.name}`")
    else:
        hours = holder.since.total_seconds() / 3600
        yield Finding(
            "build lock", "warn", f"held for {hours:.0f} hours by process `{holder.name}`: no other build can begin",
            "if that build does nothing any more (nexus logs dagster), end its process, or on the server: "
            f"select pg_terminate_backend({holder.backend})",
        )  # fmt: skip
