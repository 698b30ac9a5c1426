"""@@title: the first table."""

import sqlalchemy as sa
from alembic import op

from nexus.db.ddl import tenant_table

revision = "@@{name}_0001"
down_revision = None
branch_labels = ("@@name",)
depends_on = "kernel_0001"

TABLE = "@@{name}_@@entity"


def upgrade() -> None:
    op.create_table(
        TABLE,
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("workspace_id", sa.Text, nullable=False),
        sa.Column("title", sa.Text, nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.func.now(), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.func.now(), nullable=False),
        sa.Column("version", sa.BigInteger, nullable=False),
        schema="app",
    )
    op.create_index(None, TABLE, ["workspace_id", "created_at", "id"], schema="app")
    tenant_table(TABLE)


def downgrade() -> None:
    op.drop_table(TABLE, schema="app")
