"""The roles of the operational database: one owns, two work.

Belongs here: names, creation, and the privileges on schemas `app` and `jobs`. Does not belong here: policies (ddl.py).

    nexus_owner    owns both schemas and everything in them; nobody logs in as it, migrations take it on
    nexus_api      what requests run as: reads and writes rows of the tenant that its transaction acts for
    nexus_system   relay, jobs and look-ups that come before a tenant is known: every tenant's rows, no structure
"""

from __future__ import annotations

import psycopg

from nexus.errors import MachineError

OWNER, API, SYSTEM = "nexus_owner", "nexus_api", "nexus_system"
SCHEMA = "app"
#: DBOS's tables; requests have no rights there.
QUEUE = "jobs"

_CREATE = """
do $$ begin
  create role {role} {options};
exception when duplicate_object or unique_violation then null;
end $$
"""
_PRIVILEGES = f"""
create schema if not exists {SCHEMA};
alter schema {SCHEMA} owner to {OWNER};
grant usage on schema {SCHEMA} to {API}, {SYSTEM};
alter default privileges for role {OWNER} in schema {SCHEMA}
  grant select, insert, update, delete on tables to {API}, {SYSTEM};
alter default privileges for role {OWNER} in schema {SCHEMA} grant usage on sequences to {API}, {SYSTEM};
create schema if not exists {QUEUE};
alter schema {QUEUE} owner to {OWNER};
grant usage on schema {QUEUE} to {SYSTEM};
grant select, insert, update, delete on all tables in schema {QUEUE} to {SYSTEM};
grant usage on all sequences in schema {QUEUE} to {SYSTEM};
alter default privileges for role {OWNER} in schema {QUEUE} grant select, insert, update, delete on tables to {SYSTEM};
alter default privileges for role {OWNER} in schema {QUEUE} grant usage on sequences to {SYSTEM};
"""


def ensure(connection: psycopg.Connection) -> None:
    """Roles, schema and privileges, all idempotent. Raises MachineError if this login may not make roles."""
    try:
        with connection.transaction():
            create(connection)
            if not connection.execute("select rolsuper from pg_roles where rolname = current_user").fetchone()[0]:  # type: ignore[index]
                connection.execute(f"grant {OWNER}, {API}, {SYSTEM} to current_user".encode())
            connection.execute(_PRIVILEGES.encode())
            _take_back(connection)
    except psycopg.errors.InsufficientPrivilege as error:
        raise MachineError(
            f"the login of NEXUS_DATABASE_URL may not prepare the database: {str(error).strip()}",
            remedy="give it CREATEROLE and CREATE on the database, or run the statements of docs/database.md as an administrator",
        ) from None


def create(connection: psycopg.Connection) -> None:
    """The roles alone, which policies name: a dump cannot be restored before they are there."""
    known = {name for (name,) in connection.execute("select rolname from pg_roles where rolname like 'nexus%'")}
    for role, options in {OWNER: "nologin", API: "login", SYSTEM: "login"}.items():
        if role not in known:
            connection.execute(_CREATE.format(role=role, options=options).encode())
    # makes the relay able to run a consumer as the API would run it
    connection.execute(f"grant {API} to {SYSTEM}".encode())


def _take_back(connection: psycopg.Connection) -> None:
    """What a restore has made in the name of whoever restored belongs to the owner again."""
    others = connection.execute(
        """
        select case when c.relkind = 'S' then 'sequence' when c.relkind = 'v' then 'view' else 'table' end,
               c.oid::regclass::text
        from pg_class c where c.relnamespace = any (%(schemas)s::regnamespace[]) and c.relkind in ('r', 'p', 'v')
          and c.relowner <> %(owner)s::regrole
        union all
        select 'function', p.oid::regprocedure::text
        from pg_proc p where p.pronamespace = any (%(schemas)s::regnamespace[]) and p.proowner <> %(owner)s::regrole
        """,
        {"schemas": [SCHEMA, QUEUE], "owner": OWNER},
    ).fetchall()
    for kind, name in others:
        connection.execute(f"alter {kind} {name} owner to {OWNER}".encode())
