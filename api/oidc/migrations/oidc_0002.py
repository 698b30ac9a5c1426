"""Access tokens of an application live as long as its registration says."""

import sqlalchemy as sa
from alembic import op

revision = "oidc_0002"
down_revision = "oidc_0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    lasts = sa.Column("access_token_seconds", sa.Integer, nullable=False, server_default="300")
    op.add_column("oidc_client", lasts, schema="app")
    # what a registration says is told with every row from now on
    op.alter_column("oidc_client", "access_token_seconds", server_default=None, schema="app")


def downgrade() -> None:
    op.drop_column("oidc_client", "access_token_seconds", schema="app")
