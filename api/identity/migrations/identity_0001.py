"""Users, the browsers they are signed in with, links that set a password, throttles."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from nexus.db.ddl import system_only

revision = "identity_0001"
down_revision = None
branch_labels = ("identity",)
depends_on = "kernel_0001"

TABLES = ("identity_user", "identity_device", "identity_session", "identity_reset", "identity_throttle")


def _text(name: str, **options: object) -> sa.Column[str]:
    return sa.Column(name, sa.Text, **{"nullable": False, **options})  # type: ignore[arg-type]


def _time(name: str, **options: object) -> sa.Column[object]:
    return sa.Column(name, sa.DateTime(timezone=True), **{"nullable": False, **options})  # type: ignore[arg-type]


def _now(name: str) -> sa.Column[object]:
    return _time(name, server_default=sa.func.now())


def _user(**options: object) -> sa.Column[str]:
    owner = sa.ForeignKey("app.identity_user.id", ondelete="CASCADE")
    return sa.Column("user_id", sa.Text, owner, **{"nullable": False, **options})  # type: ignore[arg-type]


def _secret() -> tuple[sa.Column[bytes], sa.UniqueConstraint]:
    return sa.Column("token_hash", sa.LargeBinary, nullable=False), sa.UniqueConstraint("token_hash")


def upgrade() -> None:
    op.create_table(
        "identity_user",
        _text("id", primary_key=True),
        _text("email"),
        _text("email_key"),
        _time("email_verified_at", nullable=True),
        _text("name"),
        _text("password_hash", nullable=True),
        _time("password_changed_at", nullable=True),
        sa.Column("must_change_password", sa.Boolean, nullable=False),
        _time("deactivated_at", nullable=True),
        _now("created_at"),
        _now("updated_at"),
        sa.Column("version", sa.BigInteger, nullable=False),
        sa.UniqueConstraint("email_key"),
        schema="app",
    )
    op.create_table(
        "identity_device",
        _text("id", primary_key=True),
        _user(),
        *_secret(),
        _text("user_agent"),
        _now("created_at"),
        _now("last_used_at"),
        _time("trusted_until", nullable=True),
        schema="app",
    )
    op.create_index(None, "identity_device", ["user_id"], schema="app")
    op.create_table(
        "identity_session",
        _text("id", primary_key=True),
        _user(),
        sa.Column("device_id", sa.Text, sa.ForeignKey("app.identity_device.id", ondelete="SET NULL")),
        *_secret(),
        sa.Column("methods", postgresql.ARRAY(sa.Text), nullable=False),
        sa.Column("awaits_factor", sa.Boolean, nullable=False),
        _text("address"),
        _text("user_agent"),
        _now("created_at"),
        _now("authenticated_at"),
        _now("last_seen_at"),
        _time("expires_at"),
        _time("ended_at", nullable=True),
        _text("ended_because", nullable=True),
        schema="app",
    )
    op.create_index(None, "identity_session", ["user_id", "created_at"], schema="app")
    op.create_table(
        "identity_reset",
        _text("id", primary_key=True),
        _user(nullable=True),
        *_secret(),
        _now("created_at"),
        _time("expires_at"),
        _time("used_at", nullable=True),
        schema="app",
    )
    op.create_index(None, "identity_reset", ["user_id"], schema="app")
    op.create_table(
        "identity_throttle",
        sa.Column("key", sa.LargeBinary, primary_key=True),
        _time("drained_at"),
        schema="app",
    )
    op.create_index(None, "identity_throttle", ["drained_at"], schema="app")
    for table in TABLES:
        system_only(table)


def downgrade() -> None:
    for table in reversed(TABLES):
        op.drop_table(table, schema="app")
