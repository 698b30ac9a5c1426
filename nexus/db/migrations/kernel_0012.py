"""A stream counts on from its last number, also where an event before it stays that a consumer could not deal with."""

from alembic import op

from nexus.db.migrations.kernel_0011 import ONE as BEFORE

revision = "kernel_0012"
down_revision = "kernel_0011"
branch_labels = None
depends_on = None

#: As kernel_0011. What is forgotten need not be the beginning of a stream: an event that waits in letters stays, and those
#: behind it go if that consumer does not want them, or takes them in any order.
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
    op.execute(BEFORE)
