"""DBOS's own tables, in schema `jobs` of the same database: made and brought up to date by whoever migrates.

Belongs here: applying DBOS's migrations as `nexus_owner`. Does not belong here: `app.job` (nexus/db/migrations), privileges
(nexus/db/roles.py).

DBOS applies its migrations one by one, some of them outside any transaction. In a schema where nobody works yet, all of
them at once make the same tables in a fifth of the time, and leave nothing when they fail.
"""

from __future__ import annotations

from importlib.metadata import version
from typing import TYPE_CHECKING

from nexus.db.roles import QUEUE

if TYPE_CHECKING:
    from sqlalchemy import Connection

#: What makes the primary key of a table whose first migration makes it nowadays.
_OBSOLETE = 10


def ensure(connection: Connection) -> None:
    """Makes the tables that the installed DBOS expects. `connection` is `nexus_owner`'s, in a transaction."""
    from sqlalchemy import text

    installed = f"dbos {version('dbos')}"
    found = connection.scalar(text(f"select obj_description('{QUEUE}'::regnamespace)"))
    if found == installed:
        return
    from dbos._migration import get_dbos_migrations

    migrations = get_dbos_migrations(QUEUE, False, False)
    at = 0
    if connection.scalar(text(f"select to_regclass('{QUEUE}.dbos_migrations')")) is None:
        connection.execute(text(f"create table {QUEUE}.dbos_migrations (version bigint not null primary key)"))
        connection.execute(text(f"insert into {QUEUE}.dbos_migrations values (0)"))
    else:
        at = int(connection.scalar(text(f"select version from {QUEUE}.dbos_migrations")) or 0)
    for number, statements in enumerate(migrations, 1):
        if number > at and statements.strip() and number != _OBSOLETE:
            connection.exec_driver_sql(statements.replace(" CONCURRENTLY", ""))
    connection.execute(text(f"update {QUEUE}.dbos_migrations set version = {max(at, len(migrations))}"))
    connection.execute(text(f"comment on schema {QUEUE} is '{installed}'"))
