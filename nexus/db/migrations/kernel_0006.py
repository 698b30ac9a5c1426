"""Sagas: their steps, and every attempt at one."""

from alembic import op

from nexus.db.ddl import BY_ORGANISATION, WORKSPACE_IS, tenant_table
from nexus.db.roles import API

revision = "kernel_0006"
down_revision = "kernel_0005"
branch_labels = None
depends_on = None

TABLES = """
create table app.saga (
  id text constraint pk_saga primary key,
  organisation_id text not null,
  -- null: of the organisation
  workspace_id text,
  name text not null,
  state text not null constraint ck_saga_state
    check (state in ('running', 'compensating', 'stuck', 'succeeded', 'compensated', 'abandoned')),
  is_back boolean not null,
  arguments jsonb not null,
  created_by text not null,
  job_id text not null,
  -- whoever makes the call at which it is: another has taken over when this changes
  attempt_id text,
  is_cancel_requested boolean not null default false,
  trace_id text,
  -- an operator let it go on: what failed before no longer counts
  mended_at timestamptz,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  finished_at timestamptz,
  version bigint not null default 1
);
create index ix_saga_organisation_id_created_at_id on app.saga (organisation_id, created_at, id);

create table app.saga_step (
  saga_id text not null constraint fk_saga_step_saga_id references app.saga (id) on delete cascade,
  position int not null,
  organisation_id text not null,
  workspace_id text,
  name text not null,
  state text not null constraint ck_saga_step_state
    check (state in ('pending', 'done', 'unsure', 'failed', 'undone', 'kept', 'skipped')),
  result jsonb,
  constraint pk_saga_step primary key (saga_id, position)
);

create table app.saga_attempt (
  id text constraint pk_saga_attempt primary key,
  saga_id text not null constraint fk_saga_attempt_saga_id references app.saga (id) on delete cascade,
  position int not null,
  organisation_id text not null,
  workspace_id text,
  is_compensation boolean not null,
  -- counts the calls since the saga began or an operator let it go on
  number int not null,
  trace_id text,
  started_at timestamptz not null default clock_timestamp(),
  finished_at timestamptz,
  error text
);
create index ix_saga_attempt_saga_id_started_at on app.saga_attempt (saga_id, started_at);
"""

SEEN = f"{BY_ORGANISATION} and ({WORKSPACE_IS} is null or workspace_id is not distinct from {WORKSPACE_IS})"
WRITTEN = f"{BY_ORGANISATION} and workspace_id is not distinct from {WORKSPACE_IS}"
_ALL = ("saga", "saga_step", "saga_attempt")


def upgrade() -> None:
    op.execute(TABLES)
    for table in _ALL:
        tenant_table(table, SEEN, check=WRITTEN)
        op.execute(f"revoke delete on app.{table} from {API}")


def downgrade() -> None:
    for table in reversed(_ALL):
        op.execute(f"drop table app.{table}")
