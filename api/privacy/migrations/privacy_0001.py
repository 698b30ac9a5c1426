"""Keys of persons, under which append-only tables keep what is personal; and which persons were erased."""

from alembic import op

from nexus.db.ddl import system_only
from nexus.db.roles import API

revision = "privacy_0001"
down_revision = None
branch_labels = ("privacy",)
depends_on = "kernel_0001"

TABLES = """
create table app.privacy_key (
  subject text constraint pk_privacy_key primary key,
  -- null: the person has been erased, and no other key is ever made for them
  key bytea,
  created_at timestamptz not null default now(),
  erased_at timestamptz
);

create table app.privacy_erasure (
  id text constraint pk_privacy_erasure primary key,
  user_id text not null,
  -- who asked: the person, an organisation's administrator, or whoever runs the machine
  asked_by text not null,
  reason text not null,
  done_at timestamptz not null default now(),
  rows jsonb not null
);
create index ix_privacy_erasure_user_id on app.privacy_erasure (user_id);
"""


def upgrade() -> None:
    op.execute(TABLES)
    # requests seal and open; only the system erases
    op.execute(f"revoke update, delete, truncate on app.privacy_key from {API}")
    system_only("privacy_erasure")


def downgrade() -> None:
    op.execute("drop table app.privacy_erasure")
    op.execute("drop table app.privacy_key")
