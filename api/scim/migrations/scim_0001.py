"""What directories say of members and groups, and which accounts they made."""

from alembic import op

from nexus.db.ddl import BY_ORGANISATION, tenant_table

revision = "scim_0001"
down_revision = None
branch_labels = ("scim",)
depends_on = "organisations_0001"

TABLES = """
create table app.scim_user (
  member_id text constraint pk_scim_user primary key
    constraint fk_scim_user_member_id references app.organisations_member (id) on delete cascade,
  organisation_id text not null constraint fk_scim_user_organisation_id references app.organisation (id),
  user_name text not null,
  user_name_key text not null,
  external_id text,
  attributes jsonb not null,
  suspended_at timestamptz,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  version bigint not null default 1,
  constraint uq_scim_user_organisation_id_user_name_key unique (organisation_id, user_name_key)
);
create index ix_scim_user_organisation_id_external_id on app.scim_user (organisation_id, external_id);

create table app.scim_group (
  group_id text constraint pk_scim_group primary key
    constraint fk_scim_group_group_id references app.organisations_group (id) on delete cascade,
  organisation_id text not null constraint fk_scim_group_organisation_id references app.organisation (id),
  external_id text,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  version bigint not null default 1
);
create index ix_scim_group_organisation_id_external_id on app.scim_group (organisation_id, external_id);

create table app.scim_account (
  user_id text constraint pk_scim_account primary key,
  organisation_id text not null constraint fk_scim_account_organisation_id references app.organisation (id),
  deactivated_at timestamptz,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  version bigint not null default 1
);
"""
NAMES = ("scim_user", "scim_group", "scim_account")


def upgrade() -> None:
    op.execute(TABLES)
    for table in NAMES:
        tenant_table(table, BY_ORGANISATION)


def downgrade() -> None:
    for table in reversed(NAMES):
        op.execute(f"drop table app.{table}")
