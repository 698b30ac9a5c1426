"""A stream's events are read in the order of their numbers, whoever began first, and no number is given twice."""

from alembic import op

from nexus.db.migrations.kernel_0010 import ONE as BEFORE

revision = "kernel_0011"
down_revision = "kernel_0010"
branch_labels = None
depends_on = None

#: Whoever calls it holds the lock of the stream.
#:
#: A transaction has its number from its first write, and the stream's lock later: where another one came in between, the
#: later event of the stream would have the smaller number. It takes that of the event before it. Readers still skip nothing:
#: they see numbers below that of every open transaction, its own included, which is smaller still. Of an event that was
#: forgotten no number is needed: everybody had passed it, so whoever is open began after it.
#:
#: What is forgotten need not be the beginning of a stream: an event that waits in letters stays, and those behind it go if
#: that consumer does not want them, or takes them in any order. So both are asked for the last number.
ONE = """
create or replace function app.append_event(happened jsonb) returns void language plpgsql as $$
declare
  of_organisation constant text := happened ->> 'organisation_id';
  in_stream constant text := happened ->> 'stream';
  expected constant bigint := happened ->> 'expected_version';
  last bigint;
  last_generation int;
  place xid8 := pg_current_xact_id();
  last_place xid8;
begin
  select sequence, generation, xid into last, last_generation, last_place from app.events
  where organisation_id = of_organisation and stream = in_stream order by sequence desc limit 1;
  select greatest(last, max(sequence), 0) into last from app.pruned_stream
  where organisation_id = of_organisation and stream = in_stream;
  if expected <> last then
    raise exception '% has version %, not %', in_stream, last, expected using errcode = 'NX409';
  end if;
  if last_generation = app.log_generation() then
    place := greatest(place, last_place);
  end if;
  insert into app.events (
    id, type, source, subject, stream, sequence, time, schemaver, organisation_id, workspace_id,
    traceparent, correlation_id, causation_id, data, xid)
  select
    id, type, source, subject, in_stream, last + 1, time, schemaver, of_organisation, workspace_id,
    traceparent, correlation_id, causation_id, data, place
  from jsonb_to_record(happened) as said (
    id text, type text, source text, subject text, time timestamptz, schemaver int, workspace_id text,
    traceparent text, correlation_id text, causation_id text, data jsonb);
end $$
"""


def upgrade() -> None:
    op.execute(ONE)


def downgrade() -> None:
    op.execute(BEFORE.replace("create function", "create or replace function"))
