"""Consumers of the event log: how far each is, what it has had, what it could not deal with."""

from alembic import op

from nexus.db.ddl import BY_ORGANISATION, tenant_table
from nexus.db.roles import API

revision = "kernel_0003"
down_revision = "kernel_0002"
branch_labels = None
depends_on = None

TABLES = """
create table app.consumer (
  name text constraint pk_consumer primary key,
  generation int not null default 0,
  xid xid8 not null default '0',
  position bigint not null default 0,
  is_paused boolean not null default false,
  delivered bigint not null default 0,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now()
);

create table app.inbox (
  consumer text not null,
  message_id text not null,
  received_at timestamptz not null default now(),
  constraint pk_inbox primary key (consumer, message_id)
);
create index ix_inbox_received_at on app.inbox (received_at);

create table app.delivery (
  consumer text not null,
  event_id text not null constraint fk_delivery_event_id references app.events (id),
  organisation_id text not null,
  stream text not null,
  state text not null constraint ck_delivery_state check (state in ('retrying', 'waiting', 'dead')),
  attempts int not null default 0,
  next_at timestamptz,
  failed_at timestamptz,
  error text,
  generation int not null,
  xid xid8 not null,
  position bigint not null,
  constraint pk_delivery primary key (consumer, event_id)
);
create index ix_delivery_consumer_stream on app.delivery (consumer, stream, generation, xid, position);
create index ix_delivery_due on app.delivery (consumer, next_at) where state = 'retrying';
"""


def upgrade() -> None:
    op.execute(TABLES)
    tenant_table("delivery", BY_ORGANISATION)
    op.execute(f"revoke insert, update, delete on app.consumer, app.delivery from {API}")
    op.execute(f"revoke update, delete on app.inbox from {API}")


def downgrade() -> None:
    for table in ("delivery", "inbox", "consumer"):
        op.execute(f"drop table app.{table}")
