"""Migrations of the kernel and of every slice: one folder each, found by name, applied under one lock.

Belongs here: which revisions there are, applying them, how far a database is. Does not belong here: a migration.

A slice's first revision names no predecessor and `depends_on` the kernel's; each slice is a branch of its own, so two
people who add to two slices never meet. Everything that is pending is applied in one transaction, or nothing is.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nexus import slices
from nexus.db import roles
from nexus.db.models import Base
from nexus.errors import InputError
from nexus.jobs import schema
from nexus.postgres import sqlalchemy_url
from nexus.settings import Settings

if TYPE_CHECKING:
    from alembic.config import Config
    from alembic.script import ScriptDirectory
    from sqlalchemy import Connection

_HERE = Path(__file__).parent
_LOCK = 7302
VERSIONS = "migration"


#: How Alembic is told to work, wherever it is called.
CONTEXT: dict[str, Any] = {
    "target_metadata": Base.metadata,
    "version_table": VERSIONS,
    "version_table_schema": roles.SCHEMA,
    "include_schemas": True,
    # other schemas are the lake's and the warehouse's
    "include_name": lambda name, kind, _: kind != "schema" or name == roles.SCHEMA,
    "compare_type": True,
    "compare_server_default": False,
    "transaction_per_migration": False,
}


def places() -> list[Path]:
    """Folders of migrations: the kernel's, then one of each slice that has any."""
    return [_HERE / "migrations", *(f / "migrations" for f in slices.folders().values() if (f / "migrations").is_dir())]


def config() -> Config:
    from alembic.config import Config

    made = Config()
    made.set_main_option("script_location", str(_HERE / "alembic").replace("%", "%%"))
    made.set_main_option("path_separator", "newline")
    made.set_main_option("version_locations", "\n".join(str(p) for p in places()).replace("%", "%%"))
    return made


@cache
def script() -> ScriptDirectory:
    from alembic.script import ScriptDirectory

    return ScriptDirectory.from_config(config())


def outstanding(noted: Collection[str]) -> list[str]:
    """Revisions that a database which has noted these still lacks, oldest first.

    By what they stand on: which of several it has noted depends on the order in which branches came to stand on one
    another, so no list of newest revisions can be compared with it.
    """
    done = _lineage(set(noted))
    return [revision for revision in _order() if revision not in done]


def newer(noted: Collection[str]) -> list[str]:
    """Those that this code does not know."""
    return sorted(set(noted) - set(_order()))


def migrate(settings: Settings, target: str = "heads") -> list[str]:
    """Applies what is pending; returns the revisions applied, oldest first. Safe to call from several processes at once."""
    with _owned(settings) as connection:
        schema.ensure(connection)
        return _upgrade(connection, target)


def pending(settings: Settings) -> list[str]:
    """Revisions that `migrate` would apply, oldest first. Changes nothing."""
    from sqlalchemy import create_engine

    engine = create_engine(sqlalchemy_url(settings))
    try:
        with engine.connect() as connection:
            return outstanding(applied(connection))
    finally:
        engine.dispose()


def applied(connection: Connection) -> set[str]:
    """Revisions that the database stands at; none if it was never migrated."""
    from sqlalchemy import text

    found = connection.execute(text(f"select to_regclass('{roles.SCHEMA}.{VERSIONS}')")).scalar()
    if found is None:
        return set()
    return {name for (name,) in connection.execute(text(f"select version_num from {roles.SCHEMA}.{VERSIONS}"))}


def _upgrade(connection: Connection, target: str) -> list[str]:
    from alembic import command

    before = applied(connection)
    if unknown := newer(before):
        raise InputError(
            f"the database was migrated by a newer Nexus: it stands at {', '.join(unknown)}",
            remedy="update Nexus; or restore a backup of this version into an empty home",
        )
    if target == "heads" and not outstanding(before):
        return []
    done = _lineage(before)
    made = config()
    made.attributes["connection"] = connection
    command.upgrade(made, target)
    return [revision for revision in _order() if revision in _lineage(applied(connection)) - done]


def _order() -> list[str]:
    return [str(s.revision) for s in reversed(list(script().walk_revisions("base", "heads")))]


def _lineage(revisions: set[str]) -> set[str]:
    """`revisions` and everything that they stand on."""
    known = tuple(r for r in revisions if r in set(_order()))
    return (
        {str(s.revision) for s in script().iterate_revisions(known, "base", implicit_base=True, inclusive=True)}
        if known
        else set()
    )


def _begin_generation(connection: Connection) -> None:
    """After a restore into a cluster whose transaction numbers begin anew, events to come sort after those that are there."""
    from sqlalchemy import text

    if connection.scalar(text(f"select to_regclass('{roles.SCHEMA}.consumer')")) is None:
        return
    # under forced policies the owner sees no event
    connection.execute(text(f"set local role {roles.SYSTEM}"))
    generation, is_past = connection.execute(
        text(
            # readers count too: the events that they have passed may be forgotten
            "select app.log_generation(), exists (select generation, xid from app.events where generation ="
            " app.log_generation() and xid >= pg_snapshot_xmax(pg_current_snapshot()) union all"
            " select generation, xid from app.consumer where generation = app.log_generation()"
            " and xid >= pg_snapshot_xmax(pg_current_snapshot()))"
        )
    ).one()
    connection.execute(text(f"set local role {roles.OWNER}"))
    if is_past:
        connection.execute(
            text(
                "create or replace function app.log_generation() returns int language sql immutable parallel safe"
                f" as 'select {int(generation) + 1}'"
            )
        )


@contextmanager
def _owned(settings: Settings) -> Iterator[Connection]:
    """One transaction as `nexus_owner`, under the lock of migrations."""
    from sqlalchemy import create_engine, text

    engine = create_engine(sqlalchemy_url(settings))
    try:
        with engine.connect() as connection:
            connection.execute(text("select pg_advisory_lock(:key)"), {"key": _LOCK})
            connection.commit()
            roles.ensure(connection.connection.driver_connection)  # type: ignore[arg-type]
            connection.commit()
            connection.execute(text(f"set local role {roles.OWNER}"))
            connection.execute(text("set local timezone = 'UTC'"))
            yield connection
            _begin_generation(connection)
            connection.commit()
    finally:
        engine.dispose()
