"""The databases of a home, out and in again, with PostgreSQL's own programs.

Belongs here: which databases there are, pg_dump, pg_restore, whether one is empty.
Does not belong here: the moment at which they are dumped (snapshot.py).

Schemas of a build on PostgreSQL are left out: they are loaded and built again from the lake.
"""

from __future__ import annotations

import os
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

import psycopg
from psycopg.conninfo import conninfo_to_dict

from nexus import postgres
from nexus.db import roles
from nexus.errors import MachineError
from nexus.settings import Settings

LEDGER = "nexus"
#: What dbt and the loader make on PostgreSQL.
BUILT = ("raw", "staging", "intermediate", "marts", "features", "metrics")
#: The embedded server's database of builds, and PostgreSQL's own.
_NOT_KEPT = ("postgres", "warehouse")
#: Privileges of other schemas name logins of the server they come from; those of `app` and `jobs` name the roles of Nexus.
_FOREIGN = re.compile(r"^\d+; \d+ \d+ (?:DEFAULT ACL |ACL (?!(?:app|jobs) |- SCHEMA (?:app|jobs) ))")


@dataclass(frozen=True, slots=True)
class Database:
    """One database; `name` is the word by which Nexus asks for it, and its file in the archive."""

    name: str
    dsn: str

    @property
    def member(self) -> str:
        return f"databases/{self.name}.dump"


def find(settings: Settings) -> list[Database]:
    """Every database to be kept. A server of one's own gives one, in which everybody has a schema."""
    ledger = Database(LEDGER, postgres.dsn(settings, LEDGER))
    if settings.database_url is not None:
        return [ledger]
    with psycopg.connect(ledger.dsn, autocommit=True) as connection:
        rows = connection.execute(
            "select datname from pg_database where not datistemplate and datname <> all(%s) order by 1", [[*_NOT_KEPT]]
        ).fetchall()
    return [Database(name, postgres.dsn(settings, name)) for (name,) in rows]


def dump(settings: Settings, database: Database, target: Path, snapshot: str | None = None) -> None:
    """Writes `database` as it is, or as a transaction that exported `snapshot` sees it."""
    options = [f"--exclude-schema={schema}" for schema in BUILT]
    if snapshot:
        options.append(f"--snapshot={snapshot}")
    options += ["--format=custom", "--compress=0", "--no-owner", f"--file={target}"]
    _run(settings, "pg_dump", database, options)


def load(settings: Settings, database: Database, source: Path) -> None:
    """Fills an empty database, whole or not at all."""
    with psycopg.connect(database.dsn, autocommit=True) as connection:
        roles.create(connection)
    content = _run(settings, "pg_restore", None, ["--list", str(source)])
    wanted = source.with_suffix(".list")
    wanted.write_text("".join(f"{line}\n" for line in content.splitlines() if not _FOREIGN.search(line)))
    options = ["--no-owner", "--exit-on-error", "--single-transaction", f"--use-list={wanted}", str(source)]
    _run(settings, "pg_restore", database, options)


def tables(database: Database) -> list[str]:
    """Tables in it that are not PostgreSQL's own; an empty list means that it can be restored into."""
    with psycopg.connect(database.dsn, autocommit=True) as connection:
        rows = connection.execute(
            "select schemaname || '.' || tablename from pg_tables"
            " where schemaname not in ('pg_catalog', 'information_schema') order by 1"
        ).fetchall()
    return [name for (name,) in rows]


def empty(database: Database) -> None:
    """Removes what a restore has put into a database that was empty when it began."""
    kinds = {"r": "table", "p": "table", "v": "view", "m": "materialized view", "S": "sequence"}
    with psycopg.connect(database.dsn, autocommit=True) as connection:
        schemas = connection.execute(
            "select quote_ident(nspname) from pg_namespace where nspname !~ '^pg_'"
            " and nspname not in ('information_schema', 'public')"
        ).fetchall()
        for (schema,) in schemas:
            connection.execute(f"drop schema {schema} cascade".encode())
        made = connection.execute(
            "select relkind::text, oid::regclass::text from pg_class where relnamespace = 'public'::regnamespace"
            " and relkind = any(%s)", [list(kinds)],
        ).fetchall()  # fmt: skip
        for kind, name in made:
            connection.execute(f"drop {kinds[kind]} if exists {name} cascade".encode())


def _run(settings: Settings, program: str, database: Database | None, options: list[str]) -> str:
    dsn = database.dsn if database else ""
    known = {key: str(value) for key, value in conninfo_to_dict(dsn).items() if value is not None}
    # a password in the arguments could be read by every process of this machine
    password = known.pop("password", None)
    environment = {**os.environ, **({"PGPASSWORD": password} if password else {})}
    where = psycopg.conninfo.make_conninfo("", **known)
    connected = [f"--dbname={where}"] if database else []
    command = [str(postgres.describe(settings).binaries / program), *connected, *options]
    done = subprocess.run(command, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    if done.returncode:
        raise MachineError(
            f"{program} of {f'database {database.name!r}' if database else 'a backup'} failed: {done.stderr.strip()[-800:]}",
            remedy="mend what it says and try again; nothing of it was kept",
        )
    return done.stdout
