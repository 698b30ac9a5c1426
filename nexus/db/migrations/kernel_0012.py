"""Jobs that share something may hold few of a worker's places: they have a queue of their own, with a partition for each share."""

from alembic import op

revision = "kernel_0012"
down_revision = "kernel_0011"
branch_labels = None
depends_on = None

#: As kernel_0005, but for what becomes of a share.
ENQUEUE = """
create or replace function app.enqueue_job() returns trigger language plpgsql security definer
set search_path = pg_catalog, pg_temp as $$
begin
  new.runs := new.runs + 1;
  perform jobs.enqueue_workflow(
    'nexus.job', {queue}, array[to_json(new.id)], workflow_id => new.id || ':' || new.runs, application_name => 'nexus',
    queue_partition_key => {share},
    delay_until_epoch_ms =>
      case when new.next_at > clock_timestamp() then (extract(epoch from new.next_at) * 1000)::bigint end);
  return new;
end $$
"""


def upgrade() -> None:
    # null: shares nothing
    op.execute("alter table app.job add column share text")
    queue = "case when new.share is null then 'nexus' else 'nexus.shared' end"
    op.execute(ENQUEUE.format(queue=queue, share="new.share"))


def downgrade() -> None:
    op.execute(ENQUEUE.format(queue="'nexus'", share="null"))
    op.execute("alter table app.job drop column share")
