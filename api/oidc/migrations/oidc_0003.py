"""Since when somebody lets an application do what it does. Of those before, the last change is what is known."""

import sqlalchemy as sa
from alembic import op

revision = "oidc_0003"
down_revision = "oidc_0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    since = sa.Column("created_at", sa.DateTime(timezone=True), nullable=False, server_default=sa.func.now())
    op.add_column("oidc_consent", since, schema="app")
    op.execute("update app.oidc_consent set created_at = updated_at")


def downgrade() -> None:
    op.drop_column("oidc_consent", "created_at", schema="app")
