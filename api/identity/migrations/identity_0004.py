"""Requests may ask whether a person may still sign in, and nothing else about them."""

from alembic import op

from nexus.db.roles import API, SYSTEM

revision = "identity_0004"
down_revision = "identity_0003"
branch_labels = None
depends_on = None

IS_ACTIVE = """
create function app.identity_is_active(user_id text) returns boolean
language sql stable security definer set search_path = pg_catalog, pg_temp
as 'select exists (select from app.identity_user where id = user_id and deactivated_at is null)'
"""


def upgrade() -> None:
    op.execute(IS_ACTIVE)
    op.execute("revoke execute on function app.identity_is_active(text) from public")
    op.execute(f"grant execute on function app.identity_is_active(text) to {API}, {SYSTEM}")


def downgrade() -> None:
    op.execute("drop function app.identity_is_active(text)")
