"""A stamp for each organisation, which whatever changes who may what in it renews: a request proves by it what it believes of a key."""

from alembic import op

from api.organisations.migrations.organisations_0003 import STANDS_FOR as BEFORE
from nexus.db.ddl import BY_ORGANISATION, every_row, tenant_table
from nexus.db.roles import API, OWNER, SYSTEM

revision = "organisations_0004"
down_revision = "organisations_0003"
branch_labels = None
depends_on = "identity_0004"

#: `renewed_by`: the transaction that renewed it last, which need not do so again.
TABLE = """
create table app.organisations_access (
  organisation_id text constraint pk_organisations_access primary key,
  stamp uuid not null default gen_random_uuid(),
  renewed_by text not null default pg_current_xact_id()::text
)
"""
#: In one order: two transactions that renew the same two never wait for each other.
RENEW = """
create function app.organisations_renew_access(of_organisations text[]) returns void language sql
security definer set search_path = pg_catalog, pg_temp as $$
  insert into app.organisations_access as a (organisation_id)
  select distinct o from unnest(of_organisations) o order by o
  on conflict (organisation_id) do update set stamp = excluded.stamp, renewed_by = excluded.renewed_by
  where a.renewed_by <> excluded.renewed_by
$$;

create function app.organisations_access_changed() returns trigger language plpgsql as $$
begin
  perform app.organisations_renew_access(array[case when tg_op = 'DELETE' then old.organisation_id else new.organisation_id end]);
  return null;
end $$;

create function app.organisations_person_changed() returns trigger language plpgsql as $$
begin
  perform app.organisations_renew_access(array(
    select organisation_id from app.organisations_member where user_id = old.id));
  return null;
end $$;
"""
#: Everything that `app.organisations_key` reads, and what of it counts; `last_used_at` of a key does not.
READ = {
    "workspace": "insert or update or delete",
    "organisations_member": "insert or update or delete",
    "organisations_role": "insert or update or delete",
    "organisations_group": "insert or update or delete",
    "organisations_group_member": "insert or update or delete",
    "organisations_service_account": "insert or update or delete",
    "organisations_assignment": "insert or update or delete",
    "organisations_api_key": "insert or update of hash, scopes, expires_at, revoked_at, member_id, service_account_id or delete",
    "identity_user": "update of deactivated_at or delete",
}
#: At the commit: until then the stamp is locked by nobody, and no transaction that waits for its row holds what others wait for.
TRIGGER = """
create constraint trigger renew_access after {of} on app.{table} deferrable initially deferred
for each row execute function app.organisations_{what}_changed()
"""
#: As before, and: `fresh_for`, seconds until the use is to be noted again; how long the key lives; the stamp of what it stands for.
STANDS_FOR = """
create function app.organisations_key(of_key bytea, noted_every interval)
returns table (fresh_for double precision, stands_for text, expires_at timestamptz, stamp uuid)
language sql stable as $$
  select extract(epoch from k.last_used_at + noted_every - now()), jsonb_build_object(
    'id', k.id, 'organisation', k.organisation_id, 'scopes', k.scopes,
    'member', k.member_id, 'user', m.user_id, 'account', k.service_account_id,
    'workspaces', (select jsonb_agg(w.id) from app.workspace w where w.organisation_id = k.organisation_id),
    'given', (
      select jsonb_agg(jsonb_build_array(a.id, a.role, r.name, r.permissions, a.scope, a.condition, a.group_id, g.name)
        order by a.id)
      from app.organisations_assignment a
      left join app.organisations_role r on r.id = a.role and r.organisation_id = a.organisation_id
      left join app.organisations_group g on g.id = a.group_id
      where a.organisation_id = k.organisation_id and (
        a.member_id = k.member_id or a.service_account_id = k.service_account_id
        or a.group_id in (select group_id from app.organisations_group_member where member_id = k.member_id))
    ))::text, k.expires_at, x.stamp
  from app.organisations_api_key k
  join app.organisations_access x on x.organisation_id = k.organisation_id
  left join app.organisations_member m on m.id = k.member_id
  left join app.organisations_service_account s on s.id = k.service_account_id
  where k.hash = of_key and k.revoked_at is null and k.expires_at > now()
    and (k.member_id is null or (m.status = 'active' and app.identity_is_active(m.user_id)))
    and (k.service_account_id is null or s.disabled_at is null)
$$
"""
_DROP = "drop function app.organisations_key(bytea, interval)"


def upgrade() -> None:
    op.execute(TABLE)
    tenant_table("organisations_access", BY_ORGANISATION)
    # nobody else writes it, and the owner does so for whoever changes what counts
    op.execute(f"revoke insert, update, delete on app.organisations_access from {API}, {SYSTEM}")
    op.execute(f"create policy renewal on app.organisations_access to {OWNER} using (true) with check (true)")
    with every_row("organisation"):
        op.execute("insert into app.organisations_access (organisation_id) select id from app.organisation")
    op.execute(RENEW)
    op.execute("revoke execute on function app.organisations_renew_access(text[]) from public")
    op.execute(f"grant execute on function app.organisations_renew_access(text[]) to {OWNER}, {API}, {SYSTEM}")
    for table, of in READ.items():
        what = "person" if table == "identity_user" else "access"
        op.execute(TRIGGER.format(table=table, of=of, what=what))
    op.execute(_DROP)
    op.execute(STANDS_FOR)


def downgrade() -> None:
    op.execute(_DROP)
    op.execute(BEFORE)
    for table in READ:
        op.execute(f"drop trigger renew_access on app.{table}")
    for function in ("person_changed()", "access_changed()", "renew_access(text[])"):
        op.execute(f"drop function app.organisations_{function}")
    op.execute("drop table app.organisations_access")
