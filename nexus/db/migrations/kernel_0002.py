"""Answers kept by Idempotency-Key."""

from alembic import op

from nexus.db.ddl import BY_ORGANISATION, WORKSPACE_IS, tenant_table

revision = "kernel_0002"
down_revision = "kernel_0001"
branch_labels = None
depends_on = None

TABLE = """
create table app.idempotency_key (
  organisation_id text not null,
  -- empty where the request is about the organisation
  workspace_id text not null,
  route text not null,
  key text not null,
  fingerprint text not null,
  status int not null,
  headers jsonb not null,
  body bytea not null,
  created_at timestamptz not null default now(),
  constraint pk_idempotency_key primary key (organisation_id, workspace_id, route, key)
);
create index ix_idempotency_key_created_at on app.idempotency_key (created_at);
"""

#: Volatile: its second statement sees what was committed by whoever held the lock before.
CLAIM = """
create function app.claim_key(org text, workspace text, on_route text, with_key text, keep interval)
returns table (is_free boolean, fingerprint text, status int, headers text, body bytea)
language plpgsql volatile as $$
begin
  if not pg_try_advisory_xact_lock(hashtextextended(concat_ws('/', org, workspace, on_route, with_key), 7304)) then
    return query select false, null::text, null::int, null::text, null::bytea;
    return;
  end if;
  delete from app.idempotency_key k
  where k.organisation_id = org and k.workspace_id = workspace and k.route = on_route and k.key = with_key
    and k.created_at < now() - keep;
  return query
  select true, k.fingerprint, k.status, k.headers::text, k.body
  from (select 1) always
  left join app.idempotency_key k
    on k.organisation_id = org and k.workspace_id = workspace and k.route = on_route and k.key = with_key;
end $$;
"""


def upgrade() -> None:
    op.execute(TABLE)
    op.execute(CLAIM)
    tenant_table("idempotency_key", f"{BY_ORGANISATION} and workspace_id = coalesce({WORKSPACE_IS}, '')")


def downgrade() -> None:
    op.execute("drop function app.claim_key(text, text, text, text, interval)")
    op.execute("drop table app.idempotency_key")
