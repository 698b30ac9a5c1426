"""Invitations know the form in which their address is compared: who is erased is found by it, however they were written."""

import unicodedata

import sqlalchemy as sa
from alembic import op

from nexus.db.ddl import every_row

revision = "organisations_0006"
down_revision = "organisations_0005"
branch_labels = None
depends_on = None


def key_of(email: str) -> str:
    """What `directory.email_key` said when this was written: no database computes it."""
    normal = unicodedata.normalize("NFKC", email.strip()).casefold()
    return "".join(c if c.isprintable() else "\ufffd" for c in normal)


def upgrade() -> None:
    op.add_column("organisations_invitation", sa.Column("email_key", sa.Text), schema="app")
    with every_row("organisations_invitation"):
        connection = op.get_bind()
        known = connection.execute(sa.text("select distinct email from app.organisations_invitation")).scalars().all()
        if known:
            connection.execute(
                sa.text("update app.organisations_invitation set email_key = :key where email = :email"),
                [{"email": email, "key": key_of(email)} for email in known],
            )
    op.alter_column("organisations_invitation", "email_key", nullable=False, schema="app")


def downgrade() -> None:
    op.drop_column("organisations_invitation", "email_key", schema="app")
