"""A full bucket is told of once, not with every attempt that it refuses."""

import sqlalchemy as sa
from alembic import op

revision = "identity_0002"
down_revision = "identity_0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    told = sa.Column("is_refusal_told", sa.Boolean, nullable=False, server_default=sa.false())
    op.add_column("identity_throttle", told, schema="app")


def downgrade() -> None:
    op.drop_column("identity_throttle", "is_refusal_told", schema="app")
