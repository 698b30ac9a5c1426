"""Webhooks: an index for forgetting old deliveries, in place of one that nothing asks."""

from alembic import op

revision = "webhooks_0002"
down_revision = "webhooks_0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("drop index app.ix_webhooks_attempt_started_at")
    op.execute("create index ix_webhooks_delivery_created_at on app.webhooks_delivery (created_at)")


def downgrade() -> None:
    op.execute("drop index app.ix_webhooks_delivery_created_at")
    op.execute("create index ix_webhooks_attempt_started_at on app.webhooks_attempt (started_at)")
