"""Long work that a request began, and the spans of traces."""

from alembic import op

from nexus.db.ddl import BY_ORGANISATION, WORKSPACE_IS, tenant_table
from nexus.db.roles import API

revision = "kernel_0004"
down_revision = "kernel_0003"
branch_labels = None
depends_on = None

TABLES = """
create table app.operation (
  id text constraint pk_operation primary key,
  organisation_id text not null,
  -- null: work for the organisation
  workspace_id text,
  kind text not null,
  status text not null constraint ck_operation_status
    check (status in ('pending', 'running', 'succeeded', 'failed', 'cancelled')),
  progress real constraint ck_operation_progress check (progress between 0 and 1),
  note text,
  result jsonb,
  error jsonb,
  is_cancel_requested boolean not null default false,
  created_by text not null,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  finished_at timestamptz,
  version bigint not null default 1
);
create index ix_operation_organisation_id_created_at_id on app.operation (organisation_id, created_at, id);

create table app.span (
  trace_id text not null,
  span_id text not null,
  parent_id text,
  name text not null,
  kind text not null,
  service text not null,
  started_at timestamptz not null,
  duration_ms double precision not null,
  is_error boolean not null,
  attributes jsonb not null,
  organisation_id text,
  position bigint generated always as identity,
  constraint pk_span primary key (trace_id, span_id)
);
create index ix_span_position on app.span (position);
create index ix_span_started_at on app.span (started_at);
"""

_OPERATION = f"{BY_ORGANISATION} and workspace_id is not distinct from {WORKSPACE_IS}"


def upgrade() -> None:
    op.execute(TABLES)
    tenant_table("operation", _OPERATION)
    tenant_table("span", BY_ORGANISATION)
    op.execute(f"revoke insert, update, delete on app.span from {API}")


def downgrade() -> None:
    op.execute("drop table app.span")
    op.execute("drop table app.operation")
