"""Connections to providers, whom they name, sign-ins that are on their way, assertions that were taken."""

from alembic import op

from nexus.db.ddl import BY_ORGANISATION, system_only, tenant_table

revision = "sso_0001"
down_revision = None
branch_labels = ("sso",)
depends_on = ("kernel_0001", "identity_0001", "organisations_0001")

#: A browser that comes back has no tenant yet.
_UNTENANTED = ("sso_attempt", "sso_assertion")
_ORGANISATION = "organisation_id text not null constraint fk_{table}_organisation_id references app.organisation (id)"
_CONNECTION = (
    "connection_id text not null constraint fk_{table}_connection_id "
    "references app.sso_connection (id) on delete cascade"
)

TABLES = {
    "sso_connection": f"""
  id text constraint pk_{{table}} primary key,
  {_ORGANISATION},
  kind text not null constraint ck_{{table}}_kind check (kind in ('oidc', 'saml')),
  name text not null,
  is_enabled boolean not null,
  domains text[] not null,
  settings jsonb not null,
  sealed bytea,
  certificate text,
  mapping jsonb not null,
  is_mfa_trusted boolean not null,
  is_provisioning boolean not null,
  default_roles jsonb not null,
  group_roles jsonb not null,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  version bigint not null""",
    "sso_link": f"""
  id text constraint pk_{{table}} primary key,
  {_ORGANISATION},
  {_CONNECTION},
  subject text not null,
  user_id text not null constraint fk_{{table}}_user_id references app.identity_user (id) on delete cascade,
  created_at timestamptz not null default now(),
  last_used_at timestamptz not null default now(),
  constraint uq_{{table}}_connection_id_subject unique (connection_id, subject),
  constraint uq_{{table}}_connection_id_user_id unique (connection_id, user_id)""",
    "sso_attempt": f"""
  id text constraint pk_{{table}} primary key,
  {_CONNECTION},
  browser_hash bytea not null,
  request_id text,
  way_on text not null,
  is_fresh boolean not null,
  claims jsonb,
  expires_at timestamptz not null,
  used_at timestamptz""",
    "sso_assertion": f"""
  {_CONNECTION},
  hash bytea not null,
  expires_at timestamptz not null,
  constraint pk_{{table}} primary key (connection_id, hash)""",
}
INDEXES = (
    "create index ix_sso_connection_organisation_id on app.sso_connection (organisation_id, created_at, id)",
    "create index ix_sso_attempt_expires_at on app.sso_attempt (expires_at)",
    "create index ix_sso_assertion_expires_at on app.sso_assertion (expires_at)",
)


def upgrade() -> None:
    for table, columns in TABLES.items():
        op.execute(f"create table app.{table} ({columns.format(table=table)})")
        if table in _UNTENANTED:
            system_only(table)
        else:
            tenant_table(table, BY_ORGANISATION)
    for index in INDEXES:
        op.execute(index)


def downgrade() -> None:
    for table in reversed(TABLES):
        op.execute(f"drop table app.{table}")
