"""Webhooks: endpoints, their secrets, what they are to have, and how that went."""

from alembic import op

from nexus.db.ddl import BY_ORGANISATION, tenant_table

revision = "webhooks_0001"
down_revision = None
branch_labels = ("webhooks",)
depends_on = "kernel_0003"

TABLES = """
create table app.webhooks_endpoint (
  id text constraint pk_webhooks_endpoint primary key,
  organisation_id text not null,
  url text not null,
  description text not null,
  event_types text[] not null,
  workspaces text[] not null,
  is_enabled boolean not null,
  disabled_because text constraint ck_webhooks_endpoint_disabled_because
    check (disabled_because in ('asked', 'failing', 'gone')),
  disabled_at timestamptz,
  failing_since timestamptz,
  failures int not null default 0,
  succeeded_at timestamptz,
  claimed_at timestamptz,
  created_by text not null,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  version bigint not null,
  constraint ck_webhooks_endpoint_is_enabled check (is_enabled = (disabled_because is null))
);
create index ix_webhooks_endpoint_organisation_id_created_at_id
  on app.webhooks_endpoint (organisation_id, created_at, id);

create table app.webhooks_secret (
  id text constraint pk_webhooks_secret primary key,
  organisation_id text not null,
  endpoint_id text not null constraint fk_webhooks_secret_endpoint_id
    references app.webhooks_endpoint (id) on delete cascade,
  sealed bytea not null,
  created_at timestamptz not null default now(),
  expires_at timestamptz
);
create index ix_webhooks_secret_endpoint_id on app.webhooks_secret (endpoint_id);

create table app.webhooks_delivery (
  id text constraint pk_webhooks_delivery primary key,
  organisation_id text not null,
  endpoint_id text not null constraint fk_webhooks_delivery_endpoint_id
    references app.webhooks_endpoint (id) on delete cascade,
  event_id text not null,
  event_type text not null,
  state text not null default 'pending' constraint ck_webhooks_delivery_state
    check (state in ('pending', 'delivered', 'failed')),
  attempts int not null default 0,
  step int not null default 0,
  next_at timestamptz default now(),
  lease text,
  created_at timestamptz not null default now(),
  finished_at timestamptz,
  constraint uq_webhooks_delivery_endpoint_id_event_id unique (endpoint_id, event_id)
);
create index ix_webhooks_delivery_organisation_id_created_at_id
  on app.webhooks_delivery (organisation_id, created_at, id);
create index ix_webhooks_delivery_endpoint_id_created_at_id on app.webhooks_delivery (endpoint_id, created_at, id);
create index ix_webhooks_delivery_due on app.webhooks_delivery (endpoint_id, next_at) where state = 'pending';
create index ix_webhooks_delivery_leased on app.webhooks_delivery (organisation_id, endpoint_id) where lease is not null;

create table app.webhooks_attempt (
  id text constraint pk_webhooks_attempt primary key,
  organisation_id text not null,
  delivery_id text not null constraint fk_webhooks_attempt_delivery_id
    references app.webhooks_delivery (id) on delete cascade,
  number int not null,
  started_at timestamptz not null,
  duration_ms int,
  status int,
  error text,
  response text
);
create index ix_webhooks_attempt_delivery_id_started_at_id on app.webhooks_attempt (delivery_id, started_at, id);
create index ix_webhooks_attempt_started_at on app.webhooks_attempt (started_at);
"""
NAMES = ("webhooks_endpoint", "webhooks_secret", "webhooks_delivery", "webhooks_attempt")


def upgrade() -> None:
    op.execute(TABLES)
    for name in NAMES:
        tenant_table(name, BY_ORGANISATION)


def downgrade() -> None:
    for name in reversed(NAMES):
        op.execute(f"drop table app.{name}")
