"""Jobs: what a worker is to do, and which parts of it have been done."""

from alembic import op

from nexus.db.ddl import BY_ORGANISATION, WORKSPACE_IS, tenant_table
from nexus.db.roles import API

revision = "kernel_0005"
down_revision = "kernel_0004"
branch_labels = None
depends_on = None

TABLES = """
create table app.job (
  id text constraint pk_job primary key,
  name text not null,
  -- null: a schedule, of no tenant
  organisation_id text,
  workspace_id text,
  arguments jsonb not null,
  state text not null default 'pending' constraint ck_job_state
    check (state in ('pending', 'running', 'waiting', 'succeeded', 'failed', 'cancelled')),
  -- how often it was put into the queue
  runs int not null default 0,
  attempts int not null default 0,
  failures int not null default 0,
  deaths int not null default 0,
  note text,
  result jsonb,
  error text,
  is_cancel_requested boolean not null default false,
  operation_id text constraint fk_job_operation_id references app.operation (id),
  created_by text not null,
  traceparent text,
  correlation_id text,
  causation_id text,
  next_at timestamptz,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  started_at timestamptz,
  finished_at timestamptz
);
create index ix_job_created_at_id on app.job (created_at, id);
create index ix_job_name_state on app.job (name, state) where state in ('pending', 'running', 'waiting', 'failed');

create table app.job_part (
  job_id text not null constraint fk_job_part_job_id references app.job (id) on delete cascade,
  part text not null,
  organisation_id text,
  workspace_id text,
  result jsonb,
  done_at timestamptz not null default now(),
  constraint pk_job_part primary key (job_id, part)
);
"""

#: With the rights of the owner: whoever begins a job has none on DBOS's tables.
ENQUEUE = """
create function app.enqueue_job() returns trigger language plpgsql security definer
set search_path = pg_catalog, pg_temp as $$
begin
  new.runs := new.runs + 1;
  perform jobs.enqueue_workflow(
    'nexus.job', 'nexus', array[to_json(new.id)], workflow_id => new.id || ':' || new.runs, application_name => 'nexus',
    delay_until_epoch_ms =>
      case when new.next_at > clock_timestamp() then (extract(epoch from new.next_at) * 1000)::bigint end);
  return new;
end $$;
create trigger enqueue before insert or update of state on app.job
for each row when (new.state in ('pending', 'waiting')) execute function app.enqueue_job();
"""

#: A request about the organisation sees all of its workspaces'; each writes only its own.
SEEN = f"{BY_ORGANISATION} and ({WORKSPACE_IS} is null or workspace_id is not distinct from {WORKSPACE_IS})"
WRITTEN = f"{BY_ORGANISATION} and workspace_id is not distinct from {WORKSPACE_IS}"


def upgrade() -> None:
    op.execute(TABLES)
    op.execute(ENQUEUE)
    tenant_table("job", SEEN, check=WRITTEN)
    tenant_table("job_part", SEEN, check=WRITTEN)
    op.execute(f"revoke delete on app.job, app.job_part from {API}")


def downgrade() -> None:
    op.execute("drop table app.job_part")
    op.execute("drop table app.job")
    op.execute("drop function app.enqueue_job()")
