"""Which permissions are used, by whom and where: counted by the day."""

from alembic import op

from nexus.db.ddl import BY_ORGANISATION, tenant_table

revision = "reviews_0001"
down_revision = None
branch_labels = ("reviews",)
depends_on = "kernel_0001"


def upgrade() -> None:
    op.execute("""
create table app.reviews_use (
  organisation_id text not null,
  subject_id text not null,
  permission text not null,
  scope text not null,
  day date not null,
  uses bigint not null,
  last_at timestamptz not null,
  constraint pk_reviews_use primary key (organisation_id, subject_id, permission, scope, day)
)""")
    op.execute("create index ix_reviews_use_day on app.reviews_use (day)")
    op.execute("create index ix_reviews_use_subject_id on app.reviews_use (subject_id)")
    tenant_table("reviews_use", BY_ORGANISATION)


def downgrade() -> None:
    op.execute("drop table app.reviews_use")
