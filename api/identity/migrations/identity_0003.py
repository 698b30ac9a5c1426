"""A session knows through whose provider its user signed in: it opens that organisation alone."""

import sqlalchemy as sa
from alembic import op

revision = "identity_0003"
down_revision = "identity_0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("identity_session", sa.Column("realm", sa.Text, nullable=True), schema="app")


def downgrade() -> None:
    op.drop_column("identity_session", "realm", schema="app")
