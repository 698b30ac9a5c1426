"""What the closing of an organisation took away is marked: what somebody takes away by hand meanwhile is not given back with it."""

import sqlalchemy as sa
from alembic import op

from nexus.db.ddl import every_row

revision = "organisations_0005"
down_revision = "organisations_0004"
branch_labels = None
depends_on = "kernel_0006"

#: Tables of what is shut, and how they say so.
SHUT = {
    "member": "status = 'suspended'",
    "service_account": "disabled_at is not null",
    "api_key": "revoked_at is not null",
    "invitation": "revoked_at is not null",
}
#: Of closings that are under way: what they noted as shut by them.
UNDER_WAY = """
update app.organisations_{table} set is_shut = true
where {is_shut} and id in (
  select jsonb_array_elements_text(s.result -> '{what}')
  from app.saga g join app.saga_step s on s.saga_id = g.id and s.name = 'shut' and s.state = 'done'
  where g.name = 'organisations.close' and g.state in ('running', 'compensating', 'stuck'))
"""


def upgrade() -> None:
    for table in SHUT:
        marked = sa.Column("is_shut", sa.Boolean, nullable=False, server_default=sa.false())
        op.add_column(f"organisations_{table}", marked, schema="app")
    with every_row("saga"), every_row("saga_step"):
        for table, is_shut in SHUT.items():
            with every_row(f"organisations_{table}"):
                op.execute(UNDER_WAY.format(table=table, what=f"{table}s", is_shut=is_shut))
                # a table that still owes its triggers cannot be altered
                op.execute("set constraints app.renew_access immediate")
    op.execute("set constraints app.renew_access deferred")


def downgrade() -> None:
    for table in SHUT:
        op.drop_column(f"organisations_{table}", "is_shut", schema="app")
