"""Every table that has a tenant keeps tenants apart, and every route says who may ask: below and before any handler."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Any

import psycopg
import pytest
from fastapi.routing import APIRoute

from api.app import create_app
from api.kernel.idempotency import Unkeyed, claim, claim_direct
from api.kernel.permissions import Permission, catalogue, declared
from api.kernel.routing import Route
from nexus import postgres, slices
from nexus.db import roles
from nexus.db.migrate import migrate
from nexus.events import known
from nexus.settings import Settings

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def migrated(session_settings: Settings) -> Any:
    migrate(session_settings)
    with psycopg.connect(postgres.dsn(session_settings)) as connection:
        yield connection


def unguarded(connection: psycopg.Connection) -> list[str]:
    """What is wrong with tables that have a tenant."""
    rows = connection.execute(
        """
        select c.relname, c.relrowsecurity, c.relforcerowsecurity,
               bool_or(a.attname = 'workspace_id') as by_workspace,
               (select string_agg(p.qual || ' ' || coalesce(p.with_check, ''), ' ') from pg_policies p
                where p.schemaname = 'app' and p.tablename = c.relname and 'nexus_api' = any (p.roles)
                  and p.cmd = 'ALL')
        from pg_class c join pg_attribute a on a.attrelid = c.oid
        where c.relnamespace = 'app'::regnamespace and c.relkind in ('r', 'p')
          and a.attname in ('workspace_id', 'organisation_id') and not a.attisdropped
        group by c.oid order by 1
        """
    ).fetchall()
    wrong = []
    for table, enabled, forced, by_workspace, rule in rows:
        setting = "app.workspace" if by_workspace else "app.organisation"
        if not (enabled and forced):
            wrong.append(f"app.{table}: row-level security is not enabled and forced (nexus.db.ddl.tenant_table)")
        elif not rule or rule.count(setting) < 2:
            wrong.append(f"app.{table}: no policy for nexus_api that reads and writes by {setting}")
    assert rows
    return wrong


def test_every_table_with_a_tenant_has_a_policy(migrated: psycopg.Connection) -> None:
    assert unguarded(migrated) == []


#: Policies that a table with a tenant has besides those of `tenant_table`, and whose they are.
BESIDES = {
    *((table, "pruning", roles.OWNER) for table in ("events", "delivery", "pruned_stream")),
    ("organisations_access", "renewal", roles.OWNER),
}


def loosened(connection: psycopg.Connection) -> set[tuple[str, str, str]]:
    """Policies that are not what `tenant_table` makes, or are missing: permissive ones add up, so a second one opens a table."""
    rows = connection.execute(
        """
        select c.relname, p.polname, array(select pg_get_userbyid(r)::text from unnest(p.polroles) r),
          p.polcmd = '*' and p.polpermissive
        from pg_class c left join pg_policy p on p.polrelid = c.oid
        where c.relnamespace = 'app'::regnamespace and c.relkind in ('r', 'p') and exists (
          select from pg_attribute a where a.attrelid = c.oid and not a.attisdropped
            and a.attname in ('workspace_id', 'organisation_id'))
        """
    ).fetchall()
    found = {
        (table, policy, role if is_usual else f"{role}, of another kind")
        for table, policy, whose, is_usual in rows
        for role in whose
    }
    expected = {
        (table, policy, role)
        for table, *_ in rows
        for policy, role in (("tenant", roles.API), ("every_tenant", roles.SYSTEM))
    }
    return found ^ (expected | BESIDES)


def test_no_table_with_a_tenant_has_another_policy(migrated: psycopg.Connection) -> None:
    assert loosened(migrated) == set()


@pytest.mark.parametrize(
    "policy",
    [
        "to nexus_api using (true)",
        "using (true)",
        "to nexus_system using (false)",
        "for select to nexus_api using (true)",
    ],
)
def test_a_second_policy_is_noticed(migrated: psycopg.Connection, policy: str) -> None:
    migrated.execute("create policy second on app.events as permissive " + policy)
    try:
        assert {(table, name) for table, name, _ in loosened(migrated)} == {("events", "second")}
    finally:
        migrated.rollback()


def test_a_table_without_a_policy_is_noticed(migrated: psycopg.Connection) -> None:
    migrated.execute("create table app.loose (workspace_id text)")
    migrated.execute("create table app.lax (organisation_id text)")
    migrated.execute("alter table app.lax enable row level security")
    migrated.execute("alter table app.lax force row level security")
    migrated.execute("create policy anyone on app.lax to nexus_api using (true)")
    try:
        assert [line.split(":")[0] for line in unguarded(migrated)] == ["app.lax", "app.loose"]
    finally:
        migrated.rollback()


#: Tables without a tenant that requests reach all the same, and what they may do there. A row of `organisation` is a tenant:
#: it has a policy. The key of a person is found by who has the person's id, and opens what has one already.
WITHOUT_TENANT = {
    "consumer": {"select"},
    "inbox": {"select", "insert"},
    "migration": {"select"},
    "organisation": {"select", "insert", "update", "delete"},
    "privacy_key": {"select", "insert"},
}


def shared(connection: psycopg.Connection) -> dict[str, set[str]]:
    """What requests may do with tables that have no tenant: whatever one of them writes there, everybody reads."""
    rows = connection.execute(
        """
        select c.relname, array(
          select privilege from unnest(array['select', 'insert', 'update', 'delete', 'truncate']) privilege
          where has_table_privilege(%(api)s, c.oid, privilege)
             or privilege in ('select', 'insert', 'update') and has_any_column_privilege(%(api)s, c.oid, privilege))
        from pg_class c
        where c.relnamespace = 'app'::regnamespace and c.relkind in ('r', 'p') and not exists (
          select from pg_attribute a where a.attrelid = c.oid and not a.attisdropped
            and a.attname in ('workspace_id', 'organisation_id'))
        """,
        {"api": roles.API},
    ).fetchall()
    return {table: set(may) for table, may in rows if may}


def test_what_has_no_tenant_is_reached_by_no_request(migrated: psycopg.Connection) -> None:
    assert shared(migrated) == WITHOUT_TENANT, "say system_only(…) in the migration (nexus.db.ddl), or give it a tenant"


def test_a_table_that_everybody_would_share_is_noticed(migrated: psycopg.Connection) -> None:
    migrated.execute(f"set local role {roles.OWNER}".encode())
    migrated.execute("create table app.lines (invoice_id text)")
    try:
        assert shared(migrated).keys() - WITHOUT_TENANT.keys() == {"lines"}
    finally:
        migrated.rollback()


def test_an_organisation_is_its_own_tenant(migrated: psycopg.Connection) -> None:
    [(enabled, forced)] = migrated.execute(
        "select relrowsecurity, relforcerowsecurity from pg_class where oid = 'app.organisation'::regclass"
    ).fetchall()
    rules = migrated.execute(
        "select qual, with_check from pg_policies where schemaname = 'app' and tablename = 'organisation'"
        " and roles && array['nexus_api', 'public']::name[]"
    ).fetchall()
    assert (enabled, forced, len(rules)) == (True, True, 1)
    assert all("id = " in rule and "app.organisation" in rule for rule in rules[0] if rule)


def test_views_ask_with_the_rights_of_whoever_reads(migrated: psycopg.Connection) -> None:
    """Without `security_invoker` a view shows every tenant's rows."""
    rows = migrated.execute(
        "select relname from pg_class where relnamespace = 'app'::regnamespace and relkind = 'v'"
        " and not coalesce(reloptions, '{}') @> '{security_invoker=true}'"
    ).fetchall()
    assert rows == []


def test_the_roles_that_work_own_nothing_and_bypass_nothing(migrated: psycopg.Connection) -> None:
    working = [roles.API, roles.SYSTEM]
    owned = migrated.execute(
        "select relname from pg_class join pg_roles r on r.oid = relowner where r.rolname = any (%s)", [working]
    ).fetchall()
    assert owned == []
    flags = migrated.execute(
        "select rolsuper or rolbypassrls or rolcreaterole or rolcreatedb from pg_roles where rolname = any (%s)",
        [[*working, roles.OWNER]],
    ).fetchall()
    assert flags == [(False,)] * 3
    others = migrated.execute(
        "select relname from pg_class join pg_roles r on r.oid = relowner"
        " where relnamespace = 'app'::regnamespace and r.rolname <> %s",
        [roles.OWNER],
    ).fetchall()
    assert others == []


def test_definer_functions_fix_their_search_path(migrated: psycopg.Connection) -> None:
    rows = migrated.execute(
        "select proname from pg_proc where pronamespace = 'app'::regnamespace and prosecdef and proconfig is null"
    ).fetchall()
    assert rows == []


def _routes() -> list[APIRoute]:
    found: list[Any] = create_app().state.routes
    return [route for route in found if isinstance(route, APIRoute) and route.include_in_schema]


def test_every_route_says_who_may_ask() -> None:
    """Denied by default: a route without a permission and without `public("why")` does not get past this test."""
    silent = [
        f"{sorted(route.methods or ())} {route.path}: ask for a permission (api/<domain>/policies.py) or say public(…)"
        for route in _routes()
        if not list(declared(route.dependant))
    ]
    assert not silent, "\n".join(silent)


def test_permissions_are_in_the_catalogue_and_named_after_their_slice() -> None:
    asked = {p.name for route in _routes() for p in declared(route.dependant) if isinstance(p, Permission)}
    assert asked <= set(catalogue())
    wrong = [name for name in catalogue() if name.split(".")[0] not in slices.folders()]
    assert wrong == []


def test_every_post_takes_a_key_or_says_why_not() -> None:
    wrong = []
    for route in _routes():
        if "POST" not in (route.methods or ()):
            continue
        calls = list(_calls(route.dependant))
        is_keyed = claim in calls or claim_direct in calls
        if is_keyed and not isinstance(route, Route):
            wrong.append(f"{route.path}: a key needs api.kernel.routing.Router")
        if not is_keyed and not any(isinstance(call, Unkeyed) for call in calls):
            wrong.append(f"{route.path}: take an IdempotencyKey, or say unkeyed(…)")
    assert not wrong, "\n".join(wrong)


def _calls(dependant: Any) -> Any:
    yield dependant.call
    for below in dependant.dependencies:
        yield from _calls(below)


def test_events_and_tables_are_named_after_their_slice() -> None:
    wrong = []
    for type_, cls in known().items():
        slice_ = cls.__module__.split(".")[1]
        if cls.__module__.startswith("api.") and type_.split(".")[0] != slice_:
            wrong.append(f"{cls.__module__}.{cls.__name__}: {type_} should begin with {slice_}.")
    for domain, module in slices.modules("models").items():
        for found in vars(module).values():
            table = getattr(found, "__tablename__", None)
            if table and found.__module__ == module.__name__ and not table.startswith(f"{domain}_"):
                wrong.append(f"{module.__name__}: table {table} should begin with {domain}_")
    assert not wrong, "\n".join(wrong)


def test_services_never_commit_and_only_repositories_hold_sql() -> None:
    wrong = []
    for domain, folder in slices.folders().items():
        for path in sorted(folder.rglob("*.py")):
            inside = path.relative_to(folder)
            if inside.parts[0] in {"migrations", "repository.py", "repository"}:
                continue
            for node in ast.walk(ast.parse(path.read_text())):
                if isinstance(node, ast.Call) and ast.unparse(node.func).endswith("session.commit"):
                    wrong.append(f"api/{domain}/{inside}:{node.lineno} commits; the edge does")
                if isinstance(node, ast.ImportFrom) and node.module == "sqlalchemy" and inside.parts[0] in {
                    "endpoints.py", "service.py", "service", "endpoints",
                }:  # fmt: skip
                    wrong.append(f"api/{domain}/{inside}:{node.lineno} imports sqlalchemy; SQL lives in repository.py")
    assert not wrong, "\n".join(wrong)
