"""One event is appended without a loop over many, and the log keeps only the indexes that somebody reads by."""

from alembic import op

from nexus.db.migrations.kernel_0008 import APPEND

revision = "kernel_0010"
down_revision = "kernel_0009"
branch_labels = None
depends_on = None

#: Whoever calls it holds the lock of the stream.
ONE = """
create function app.append_event(happened jsonb) returns void language plpgsql as $$
declare
  of_organisation constant text := happened ->> 'organisation_id';
  in_stream constant text := happened ->> 'stream';
  expected constant bigint := happened ->> 'expected_version';
  last bigint;
begin
  select max(sequence) into last from app.events where organisation_id = of_organisation and stream = in_stream;
  if last is null then
    select coalesce(max(sequence), 0) into last from app.pruned_stream
    where organisation_id = of_organisation and stream = in_stream;
  end if;
  if expected <> last then
    raise exception '% has version %, not %', in_stream, last, expected using errcode = 'NX409';
  end if;
  insert into app.events (
    id, type, source, subject, stream, sequence, time, schemaver, organisation_id, workspace_id,
    traceparent, correlation_id, causation_id, data)
  select
    id, type, source, subject, in_stream, last + 1, time, schemaver, of_organisation, workspace_id,
    traceparent, correlation_id, causation_id, data
  from jsonb_to_record(happened) as said (
    id text, type text, source text, subject text, time timestamptz, schemaver int, workspace_id text,
    traceparent text, correlation_id text, causation_id text, data jsonb);
end $$
"""
#: Two statements: what is read after the lock sees what was committed by whoever held it before.
ALL = """
create or replace function app.append_events(batch jsonb) returns void language plpgsql as $$
declare
  happened jsonb := batch -> 0;
begin
  if jsonb_array_length(batch) = 1 then
    perform pg_advisory_xact_lock(hashtextextended((happened ->> 'organisation_id') || '/' || (happened ->> 'stream'), 7303));
    perform app.append_event(happened);
    return;
  end if;
  -- streams are locked in one order: two transactions that write to the same two never wait for each other
  perform pg_advisory_xact_lock(hashtextextended(stream, 7303))
  from (select distinct (value ->> 'organisation_id') || '/' || (value ->> 'stream') as stream
        from jsonb_array_elements(batch) order by 1) streams;
  for happened in select value from jsonb_array_elements(batch) loop
    perform app.append_event(happened);
  end loop;
end $$
"""
#: No statement looks for events by these.
UNREAD = {"ix_events_type_time": "type, time", "ix_events_correlation_id": "correlation_id"}


def upgrade() -> None:
    op.execute(ONE)
    op.execute(ALL)
    for index in UNREAD:
        op.execute(f"drop index app.{index}")


def downgrade() -> None:
    for index, columns in UNREAD.items():
        op.execute(f"create index {index} on app.events ({columns})")
    op.execute(APPEND.format(notify=""))
    op.execute("drop function app.append_event(jsonb)")
