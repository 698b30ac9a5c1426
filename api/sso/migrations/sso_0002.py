"""A sign-in by a provider may be on the way to something that takes two factors."""

import sqlalchemy as sa
from alembic import op

revision = "sso_0002"
down_revision = "sso_0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    needed = sa.Column("needs_factor", sa.Boolean, nullable=False, server_default=sa.false())
    op.add_column("sso_attempt", needed, schema="app")


def downgrade() -> None:
    op.drop_column("sso_attempt", "needs_factor", schema="app")
