"""Organisations: policy, members, roles, groups, assignments, invitations, domains, service accounts, keys."""

from alembic import op

from nexus.db.ddl import BY_ORGANISATION, tenant_table

revision = "organisations_0001"
down_revision = None
branch_labels = ("organisations",)
depends_on = "kernel_0001"

#: What every table here ends with.
_COUNTED = """
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  version bigint not null default 1"""
_OWNED = """
  organisation_id text not null constraint fk_{table}_organisation_id references app.organisation (id)"""

TABLES = {
    "policy": """
  is_sso_required boolean not null default false,
  constraint pk_{table} primary key (organisation_id)""",
    "member": """
  id text constraint pk_{table} primary key,
  user_id text not null,
  status text not null default 'active' constraint ck_{table}_status check (status in ('active', 'suspended')),
  is_break_glass boolean not null default false,
  constraint uq_{table}_organisation_id_user_id unique (organisation_id, user_id)""",
    "role": """
  id text constraint pk_{table} primary key,
  name text not null,
  description text not null default '',
  permissions text[] not null,
  constraint uq_{table}_organisation_id_name unique (organisation_id, name)""",
    "group": """
  id text constraint pk_{table} primary key,
  name text not null,
  description text not null default '',
  constraint uq_{table}_organisation_id_name unique (organisation_id, name)""",
    "group_member": """
  group_id text not null constraint fk_{table}_group_id references app.organisations_group (id) on delete cascade,
  member_id text not null constraint fk_{table}_member_id references app.organisations_member (id) on delete cascade,
  constraint pk_{table} primary key (group_id, member_id)""",
    "service_account": """
  id text constraint pk_{table} primary key,
  name text not null,
  description text not null default '',
  disabled_at timestamptz,
  constraint uq_{table}_organisation_id_name unique (organisation_id, name)""",
    # a role, where it counts ('*' or a workspace), and for whom: exactly one of the three
    "assignment": """
  id text constraint pk_{table} primary key,
  member_id text constraint fk_{table}_member_id references app.organisations_member (id) on delete cascade,
  group_id text constraint fk_{table}_group_id references app.organisations_group (id) on delete cascade,
  service_account_id text constraint fk_{table}_service_account_id
    references app.organisations_service_account (id) on delete cascade,
  role text not null,
  scope text not null,
  condition text,
  created_by text not null,
  constraint ck_{table}_subject check (num_nonnulls(member_id, group_id, service_account_id) = 1),
  constraint uq_{table}_subject unique nulls not distinct (member_id, group_id, service_account_id, role, scope)""",
    "invitation": """
  id text constraint pk_{table} primary key,
  email text not null,
  token_hash bytea not null constraint uq_{table}_token_hash unique,
  roles jsonb not null,
  invited_by text not null,
  expires_at timestamptz not null,
  accepted_at timestamptz,
  accepted_by text,
  revoked_at timestamptz""",
    "domain": """
  id text constraint pk_{table} primary key,
  name text not null,
  proof text not null,
  verified_at timestamptz,
  checked_at timestamptz,
  constraint uq_{table}_organisation_id_name unique (organisation_id, name)""",
    "api_key": """
  id text constraint pk_{table} primary key,
  name text not null,
  prefix text not null,
  hash bytea not null constraint uq_{table}_hash unique,
  member_id text constraint fk_{table}_member_id references app.organisations_member (id) on delete cascade,
  service_account_id text constraint fk_{table}_service_account_id
    references app.organisations_service_account (id) on delete cascade,
  scopes jsonb not null,
  created_by text not null,
  expires_at timestamptz not null,
  last_used_at timestamptz,
  revoked_at timestamptz,
  rotated_from text,
  constraint ck_{table}_subject check (num_nonnulls(member_id, service_account_id) = 1)""",
}
INDEXES = (
    "create index ix_{p}member_user_id on app.{p}member (user_id)",
    "create index ix_{p}group_member_member_id on app.{p}group_member (member_id)",
    "create index ix_{p}assignment_organisation_id on app.{p}assignment (organisation_id)",
    "create index ix_{p}assignment_group_id on app.{p}assignment (group_id)",
    "create index ix_{p}assignment_service_account_id on app.{p}assignment (service_account_id)",
    "create index ix_{p}invitation_organisation_id on app.{p}invitation (organisation_id, created_at, id)",
    "create index ix_{p}api_key_organisation_id on app.{p}api_key (organisation_id, created_at, id)",
    # a domain is proved by one organisation at most
    "create unique index uq_{p}domain_verified on app.{p}domain (name) where verified_at is not null",
)
P = "organisations_"


def upgrade() -> None:
    for name, columns in TABLES.items():
        table = P + name
        op.execute(f"create table app.{table} ({_OWNED.format(table=table)},{columns.format(table=table)},{_COUNTED})")
        tenant_table(table, BY_ORGANISATION)
    for index in INDEXES:
        op.execute(index.format(p=P))


def downgrade() -> None:
    for name in reversed(TABLES):
        op.execute(f"drop table app.{P}{name}")
