"""A request opens and ends in one statement each, and what it tells wakes nobody before it has committed.

A transaction that notifies holds a lock of the whole server from just before its commit until after it: commits then wait
for each other's disk writes, one by one. Whoever has committed notifies afterwards (nexus/events/wake.py).
"""

from alembic import op

revision = "kernel_0008"
down_revision = "kernel_0007"
branch_labels = None
depends_on = None

#: Of kernel_0007, with and without the notification.
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
      select coalesce(max(sequence), 0) into last from app.pruned_stream
      where organisation_id = happened ->> 'organisation_id' and stream = happened ->> 'stream';
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
  end loop;{notify}
end $$
"""
NOTIFY = "\n  perform pg_notify('nexus_events', '');"

REQUEST = """
create function app.open_request(org text, workspace text, on_route text, with_key text, keep interval)
returns table (is_free boolean, fingerprint text, status int, headers text, body bytea)
language plpgsql volatile as $$
begin
  perform set_config('app.workspace', workspace, true), set_config('app.organisation', org, true);
  return query select * from app.claim_key(org, workspace, on_route, with_key, keep);
end $$;

create function app.end_request(
  batch jsonb, org text, workspace text, on_route text, with_key text, of_request text, with_status int,
  with_headers jsonb, with_body bytea)
returns void language plpgsql as $$
begin
  if jsonb_array_length(batch) > 0 then
    perform app.append_events(batch);
  end if;
  insert into app.idempotency_key (organisation_id, workspace_id, route, key, fingerprint, status, headers, body)
  values (org, workspace, on_route, with_key, of_request, with_status, with_headers, with_body);
end $$;
"""


def upgrade() -> None:
    op.execute(APPEND.format(notify=""))
    op.execute(REQUEST)


def downgrade() -> None:
    op.execute("drop function app.end_request(jsonb, text, text, text, text, text, int, jsonb, bytea)")
    op.execute("drop function app.open_request(text, text, text, text, interval)")
    op.execute(APPEND.format(notify=NOTIFY))
