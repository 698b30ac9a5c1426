"""The audit log, and the one function that appends to it."""

from alembic import op

from nexus.db.ddl import BY_ORGANISATION, append_only, tenant_table

revision = "audit_0001"
down_revision = None
branch_labels = ("audit",)
depends_on = ("kernel_0001", "privacy_0001")

TABLE = """
create table app.audit_entry (
  organisation_id text not null,
  number bigint not null,
  id text not null,
  occurred_at timestamptz not null,
  actor_id text not null,
  action text not null,
  body text not null,
  previous_hash bytea not null,
  hash bytea not null,
  constraint pk_audit_entry primary key (organisation_id, number)
);
create index ix_audit_entry_organisation_id_occurred_at on app.audit_entry (organisation_id, occurred_at);
create index ix_audit_entry_organisation_id_actor_id on app.audit_entry (organisation_id, actor_id);
"""

#: Volatile: what follows the lock sees what was committed by whoever held it before.
APPEND = r"""
create function app.append_audit(org text, said text) returns bigint language plpgsql volatile as $$
declare
  last bigint;
  before bytea;
begin
  perform pg_advisory_xact_lock(hashtextextended(org, 7306));
  select number, hash into last, before from app.audit_entry
  where organisation_id = org order by number desc limit 1;
  last := coalesce(last, 0) + 1;
  before := coalesce(before, decode(repeat('00', 32), 'hex'));
  insert into app.audit_entry (organisation_id, number, id, occurred_at, actor_id, action, body, previous_hash, hash)
  values (
    org, last, said::jsonb ->> 'id', (said::jsonb ->> 'occurred_at')::timestamptz, said::jsonb ->> 'actor_id',
    said::jsonb ->> 'action', said, before,
    sha256(before || convert_to(last::text || E'\n' || said, 'UTF8')));
  return last;
end $$;
"""


def upgrade() -> None:
    op.execute(TABLE)
    op.execute(APPEND)
    tenant_table("audit_entry", BY_ORGANISATION)
    append_only("audit_entry")


def downgrade() -> None:
    op.execute("drop function app.append_audit(text, text)")
    op.execute("drop table app.audit_entry")
