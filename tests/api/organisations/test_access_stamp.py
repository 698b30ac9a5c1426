"""What requests believe of a key is proved by a stamp: whatever changes what a key stands for renews it, and nothing else does."""

from __future__ import annotations

import re
from typing import Any

import psycopg
import pytest

from api.identity import directory
from nexus import postgres
from tests.api.kernel import Kernel
from tests.api.organisations.company import Company

_STAMP = "select stamp from app.organisations_access where organisation_id = %s"


@pytest.fixture
def company(kernel: Kernel) -> Company:
    return Company(kernel)


def stamp(company: Company) -> Any:
    return company.kernel.sql(_STAMP, company.id)[0][0]


def test_every_table_that_is_read_renews_it(kernel: Kernel) -> None:
    """A table that is joined one day without a trigger would let a revoked right live on."""
    ((body,),) = kernel.sql("select pg_get_functiondef('app.organisations_key(bytea, interval)'::regprocedure)")
    read = set(re.findall(r"(?:from|join) app\.(\w+)", body))
    # a person is asked about through a function
    assert "identity_is_active" in body
    renewing = {
        name for (name,) in kernel.sql("select tgrelid::regclass::text from pg_trigger where tgname = 'renew_access'")
    }
    assert {f"app.{name}" for name in read - {"organisations_access"}} | {"app.identity_user"} == renewing


#: Columns whose change changes nothing: how a row is called never does, the use of a key is noted.
_APART = {"id", "organisation_id", "last_used_at"}


def test_every_column_that_is_read_renews_it(kernel: Kernel) -> None:
    """A trigger that names columns names each that is read: one more, of a table that has its trigger, is easily forgotten."""
    definition = "select pg_get_functiondef(%s::regprocedure)"
    ((key,),) = kernel.sql(definition, "app.organisations_key(bytea, interval)")
    ((person,),) = kernel.sql(definition, "app.identity_is_active(text)")
    tables = {alias: table for table, alias in re.findall(r"(?:from|join) app\.(\w+) (\w)\b", key)}
    read: dict[str, set[str]] = {table: set() for table in tables.values()}
    for alias, column in re.findall(r"\b(\w)\.(\w+)", key):
        read[tables[alias]].add(column)
    columns = kernel.sql("select column_name from information_schema.columns where table_name = 'identity_user'")
    read["identity_user"] = {name for (name,) in columns if re.search(rf"\b{name}\b", person.partition("where")[2])}
    assert "revoked_at" in read["organisations_api_key"]
    assert "deactivated_at" in read["identity_user"]
    named: dict[str, set[str]] = {}
    for table, column in kernel.sql(
        "select c.relname, a.attname from pg_trigger t join pg_class c on c.oid = t.tgrelid"
        " join pg_attribute a on a.attrelid = c.oid and a.attnum = any (t.tgattr) where t.tgname = 'renew_access'"
    ):
        named.setdefault(table, set()).add(column)
    assert set(named) == {"organisations_api_key", "identity_user"}, "every other trigger is of all columns"
    assert {(table, column) for table in named for column in read[table] - _APART - named[table]} == set()


CHANGES = {
    "a workspace more": "insert into app.workspace (id, organisation_id, name) values ('w-' || right(%(key)s, 20), %(org)s, 'w')",
    "a member suspended": "update app.organisations_member set status = 'suspended' where id = %(member)s",
    "a member gone": "delete from app.organisations_member where id = %(member)s",
    "a role changed": "update app.organisations_role set permissions = '{}' where organisation_id = %(org)s",
    "a group renamed": "update app.organisations_group set name = 'other' where organisation_id = %(org)s",
    "a group left": "delete from app.organisations_group_member where member_id = %(member)s",
    "an account disabled": "update app.organisations_service_account set disabled_at = now() where organisation_id = %(org)s",
    "a role withdrawn": "delete from app.organisations_assignment where member_id = %(member)s",
    "a condition": "update app.organisations_assignment set condition = 'true' where member_id = %(member)s",
    "a key revoked": "update app.organisations_api_key set revoked_at = now() where id = %(key)s",
    "a key cut short": "update app.organisations_api_key set expires_at = now() where id = %(key)s",
    "a key with less": "update app.organisations_api_key set scopes = '{}' where id = %(key)s",
}
NO_CHANGES = {
    "its use noted": "update app.organisations_api_key set last_used_at = now() where id = %(key)s",
    "its name": "update app.organisations_api_key set name = 'other' where id = %(key)s",
    "a policy": "insert into app.organisations_policy (organisation_id) values (%(org)s)",
}


def _renewed(company: Company, sql: str) -> bool:
    """Whether what changes so renews the stamp, once it is committed."""
    member = company.member(("analyst", company.one))
    company.group(member)
    company.role("models.read")
    company.service_account()
    body = {"name": "k", "scopes": {company.one: ["models.read"]}, "expires_in_days": 1}
    made = company.caller(member).post("/v1/api-keys", json=body).json()
    names = {"org": company.id, "member": member.id, "key": made["id"]}
    before = stamp(company)
    with psycopg.connect(postgres.dsn(company.kernel.settings)) as connection:
        assert connection.execute(sql.encode(), names).rowcount > 0
        connection.rollback()
        assert stamp(company) == before
        connection.execute(sql.encode(), names)
    return bool(stamp(company) != before)


@pytest.mark.parametrize("what", CHANGES)
def test_what_renews_it(company: Company, what: str) -> None:
    other = Company(company.kernel)
    of_other = stamp(other)
    assert _renewed(company, CHANGES[what])
    assert stamp(other) == of_other


@pytest.mark.parametrize("what", NO_CHANGES)
def test_what_does_not(company: Company, what: str) -> None:
    assert not _renewed(company, NO_CHANGES[what])


def test_a_person_renews_it_wherever_they_are_a_member(company: Company) -> None:
    member, other, stranger = company.member(), Company(company.kernel), Company(company.kernel)
    company.kernel.sql(
        "insert into app.organisations_member (id, organisation_id, user_id) values (%s, %s, %s)",
        f"{member.id}x", other.id, member.user_id,
    )  # fmt: skip
    before = [stamp(c) for c in (company, other, stranger)]
    company.within(lambda s: directory.deactivate(s, member.user_id), everything=True)
    after = [stamp(c) for c in (company, other, stranger)]
    assert [a != b for a, b in zip(after, before, strict=True)] == [True, True, False]


def test_requests_cannot_renew_or_read_that_of_others(company: Company) -> None:
    other = Company(company.kernel)
    with psycopg.connect(postgres.dsn(company.kernel.settings)) as connection:
        connection.execute("set role nexus_api")
        connection.execute("select set_config('app.organisation', %s, true)", [company.id])
        assert connection.execute("select organisation_id from app.organisations_access").fetchall() == [(company.id,)]
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute(
                "update app.organisations_access set stamp = gen_random_uuid() where organisation_id = %s", [other.id]
            )
