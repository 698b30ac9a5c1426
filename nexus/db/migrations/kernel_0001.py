"""Organisations, workspaces and the event log."""

from alembic import op

from nexus.db.ddl import BY_ORGANISATION, ORGANISATION_IS, WORKSPACE_IS, append_only, every_row, tenant_table
from nexus.db.roles import API, SYSTEM
from nexus.tenancy import LOCAL_ORGANISATION

revision = "kernel_0001"
down_revision = None
branch_labels = ("kernel",)
depends_on = None

TABLES = """
create function app.refuse_change() returns trigger language plpgsql as $$
begin
  raise exception '% is append-only', tg_table_name using errcode = 'NX405';
end $$;

create table app.organisation (
  id text constraint pk_organisation primary key,
  name text not null,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  version bigint not null default 1
);

create table app.workspace (
  id text constraint pk_workspace primary key
    constraint ck_workspace_slug check (id ~ '^[a-z][a-z0-9_-]{0,62}$'),
  organisation_id text not null constraint fk_workspace_organisation_id references app.organisation (id),
  name text not null,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  version bigint not null default 1
);
create index ix_workspace_organisation_id on app.workspace (organisation_id);

create function app.log_generation() returns int language sql immutable parallel safe as 'select 1';

create table app.events (
  id text constraint pk_events primary key,
  type text not null,
  source text not null,
  subject text not null,
  stream text not null,
  sequence bigint not null,
  time timestamptz not null,
  recorded_at timestamptz not null default clock_timestamp(),
  schemaver int not null,
  organisation_id text not null,
  workspace_id text,
  traceparent text,
  correlation_id text not null,
  causation_id text,
  data jsonb not null,
  generation int not null default app.log_generation(),
  xid xid8 not null default pg_current_xact_id(),
  position bigint generated always as identity,
  constraint uq_events_organisation_id_stream_sequence unique (organisation_id, stream, sequence)
);
create unique index uq_events_generation_xid_position on app.events (generation, xid, position);
create index ix_events_type_time on app.events (type, time);
create index ix_events_correlation_id on app.events (correlation_id);
"""

FUNCTIONS = """
create function app.append_events(batch jsonb) returns void language plpgsql as $$
declare
  happened jsonb;
  expected bigint;
  last bigint;
begin
  -- streams are locked in one order: two transactions that write to the same two never wait for each other
  perform pg_advisory_xact_lock(hashtextextended(stream, 7303))
  from (select distinct (value ->> 'organisation_id') || '/' || (value ->> 'stream') as stream
        from jsonb_array_elements(batch) order by 1) streams;
  for happened in select value from jsonb_array_elements(batch) loop
    select coalesce(max(sequence), 0) into last from app.events
    where organisation_id = happened ->> 'organisation_id' and stream = happened ->> 'stream';
    expected := (happened ->> 'expected_version')::bigint;
    if expected is not null and expected <> last then
      raise exception '% has version %, not %', happened ->> 'stream', last, expected using errcode = 'NX409';
    end if;
    insert into app.events (
      id, type, source, subject, stream, sequence, time, schemaver, organisation_id, workspace_id,
      traceparent, correlation_id, causation_id, data)
    values (
      happened ->> 'id', happened ->> 'type', happened ->> 'source', happened ->> 'subject', happened ->> 'stream',
      last + 1, (happened ->> 'time')::timestamptz, (happened ->> 'schemaver')::int,
      happened ->> 'organisation_id', happened ->> 'workspace_id', happened ->> 'traceparent',
      happened ->> 'correlation_id', happened ->> 'causation_id', happened -> 'data');
  end loop;
  perform pg_notify('nexus_events', '');
end $$;

create function app.events_after(after_generation int, after_xid text, after_position bigint, most int, types text[] default null)
returns setof app.events language sql stable as $$
  select * from app.events
  where (generation, xid, position) > (after_generation, after_xid::xid8, after_position)
    and (generation < app.log_generation() or xid < pg_snapshot_xmin(pg_current_snapshot()))
    and (types is null or type like any (types))
  order by generation, xid, position
  limit most
$$;
"""

#: An event of the organisation itself has no workspace and is seen in each of them.
_EVENTS = f"{BY_ORGANISATION} and (workspace_id is null or workspace_id = {WORKSPACE_IS})"


def upgrade() -> None:
    op.execute(TABLES)
    op.execute(FUNCTIONS)
    tenant_table("organisation", f"id = {ORGANISATION_IS}")
    tenant_table("workspace", BY_ORGANISATION)
    tenant_table("events", _EVENTS)
    append_only("events")
    op.execute(f"revoke insert, update, delete on app.migration from {API}, {SYSTEM}")
    with every_row("organisation"):
        op.execute(f"insert into app.organisation (id, name) values ('{LOCAL_ORGANISATION}', 'This machine')")


def downgrade() -> None:
    for function in (
        "events_after(int, text, bigint, int, text[])",
        "append_events(jsonb)",
    ):
        op.execute(f"drop function app.{function}")
    for table in ("events", "workspace", "organisation"):
        op.execute(f"drop table app.{table}")
    op.execute("drop function app.log_generation()")
    op.execute("drop function app.refuse_change()")
