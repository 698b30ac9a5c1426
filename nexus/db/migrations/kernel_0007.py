"""Forgetting old events: what every reader has passed may go, and numbers of streams go on where they were."""

from alembic import op

from nexus.db.ddl import BY_ORGANISATION, tenant_table
from nexus.db.roles import API, OWNER, SYSTEM

revision = "kernel_0007"
down_revision = "kernel_0006"
branch_labels = None
depends_on = None

TABLE = """
-- the last number of streams of which old events were forgotten
create table app.pruned_stream (
  organisation_id text not null,
  stream text not null,
  sequence bigint not null,
  constraint pk_pruned_stream primary key (organisation_id, stream)
);
"""

#: Of kernel_0001, and one more question for a stream that has no event in the log.
APPEND = """
create or replace function app.append_events(batch jsonb) returns void language plpgsql as $$
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
    select max(sequence) into last from app.events
    where organisation_id = happened ->> 'organisation_id' and stream = happened ->> 'stream';
    if last is null then
      {pruned}
    end if;
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
"""
PRUNED = """select coalesce(max(sequence), 0) into last from app.pruned_stream
      where organisation_id = happened ->> 'organisation_id' and stream = happened ->> 'stream';"""

#: Nobody may delete events; this function may, of its owner's right, and only what every reader has passed. `readers` must
#: be among them: a log that the lake has never read is not forgotten.
PRUNE = f"""
create function app.refuse_change_of_events() returns trigger language plpgsql as $$
begin
  if tg_op = 'DELETE' and current_user = '{OWNER}' and current_setting('app.pruning', true) = 'on' then
    return null;
  end if;
  raise exception '% is append-only', tg_table_name using errcode = 'NX405';
end $$;

create function app.prune_events(older_than timestamptz, readers text[], most int) returns bigint
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
  floor record;
  gone bigint;
begin
  if exists (select from unnest(readers) as reader where reader not in (select name from app.consumer)) then
    return 0;
  end if;
  select generation, xid, position into floor from app.consumer order by generation, xid, position limit 1;
  if floor is null then
    return 0;
  end if;
  perform set_config('app.pruning', 'on', true);
  with old as materialized (
    select e.id from app.events e
    where e.recorded_at < older_than
      and (e.generation, e.xid, e.position) <= (floor.generation, floor.xid, floor.position)
      and not exists (select from app.delivery d where d.event_id = e.id)
    order by e.generation, e.xid, e.position limit most
  ), forgotten as (
    delete from app.events where id in (select id from old) returning organisation_id, stream, sequence
  ), kept as (
    insert into app.pruned_stream as known
    select organisation_id, stream, max(sequence) from forgotten group by organisation_id, stream
    on conflict on constraint pk_pruned_stream do update set sequence = greatest(known.sequence, excluded.sequence)
  )
  select count(*) into gone from forgotten;
  perform set_config('app.pruning', 'off', true);
  return gone;
end $$;
"""
_MEANWHILE = "(select current_setting('app.pruning', true) = 'on')"


def upgrade() -> None:
    op.execute(TABLE)
    tenant_table("pruned_stream", BY_ORGANISATION)
    op.execute(f"revoke insert, update, delete on app.pruned_stream from {API}, {SYSTEM}")
    op.execute(APPEND.format(pruned=PRUNED))
    op.execute(PRUNE)
    op.execute("drop trigger append_only on app.events")
    op.execute(
        "create trigger append_only before update or delete or truncate on app.events"
        " for each statement execute function app.refuse_change_of_events()"
    )
    # under forced policies an owner sees no row of its own tables
    for table in ("events", "delivery", "pruned_stream"):
        op.execute(f"create policy pruning on app.{table} to {OWNER} using ({_MEANWHILE}) with check ({_MEANWHILE})")
    op.execute("revoke execute on function app.prune_events(timestamptz, text[], int) from public")
    op.execute(f"grant execute on function app.prune_events(timestamptz, text[], int) to {SYSTEM}")


def downgrade() -> None:
    for table in ("events", "delivery"):
        op.execute(f"drop policy pruning on app.{table}")
    op.execute("drop trigger append_only on app.events")
    op.execute(
        "create trigger append_only before update or delete or truncate on app.events"
        " for each statement execute function app.refuse_change()"
    )
    op.execute("drop function app.prune_events(timestamptz, text[], int)")
    op.execute("drop function app.refuse_change_of_events()")
    op.execute(APPEND.format(pruned="last := 0;"))
    op.execute("drop table app.pruned_stream")
