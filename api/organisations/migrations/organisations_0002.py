"""An organisation can ask for a second factor."""

import sqlalchemy as sa
from alembic import op

revision = "organisations_0002"
down_revision = "organisations_0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    asked = sa.Column("is_mfa_required", sa.Boolean, nullable=False, server_default=sa.false())
    op.add_column("organisations_policy", asked, schema="app")


def downgrade() -> None:
    op.drop_column("organisations_policy", "is_mfa_required", schema="app")
