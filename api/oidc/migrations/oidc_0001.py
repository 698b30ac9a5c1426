"""Applications, what they were granted, codes and tokens, signing keys."""

from alembic import op

from nexus.db.ddl import BY_ORGANISATION, system_only, tenant_table

revision = "oidc_0001"
down_revision = None
branch_labels = ("oidc",)
depends_on = "kernel_0001"

#: Without a tenant: found by a secret, before anybody knows whose it is.
_UNTENANTED = ("oidc_consent", "oidc_code", "oidc_refresh_token", "oidc_device_code", "oidc_signing_key")

TABLES = """
create table app.oidc_client (
  id text constraint pk_oidc_client primary key,
  organisation_id text not null,
  name text not null,
  secret_hash bytea,
  token_endpoint_auth_method text not null,
  redirect_uris text[] not null,
  post_logout_redirect_uris text[] not null,
  grant_types text[] not null,
  scopes text[] not null,
  id_token_signed_response_alg text not null,
  backchannel_logout_uri text,
  is_trusted boolean not null,
  permissions jsonb not null,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  version bigint not null
);
create index ix_oidc_client_organisation_id_created_at_id on app.oidc_client (organisation_id, created_at, id);

create table app.oidc_consent (
  user_id text not null,
  client_id text not null
    constraint fk_oidc_consent_client_id references app.oidc_client (id) on delete cascade,
  scopes text[] not null,
  updated_at timestamptz not null default now(),
  constraint pk_oidc_consent primary key (user_id, client_id)
);
create index ix_oidc_consent_client_id on app.oidc_consent (client_id);

create table app.oidc_grant (
  id text constraint pk_oidc_grant primary key,
  client_id text not null
    constraint fk_oidc_grant_client_id references app.oidc_client (id) on delete cascade,
  organisation_id text not null,
  user_id text,
  session_id text,
  scopes text[] not null,
  nonce text,
  authenticated_at timestamptz,
  methods text[] not null,
  is_offline boolean not null,
  created_at timestamptz not null default now(),
  revoked_at timestamptz,
  revoked_because text
);
create index ix_oidc_grant_organisation_id on app.oidc_grant (organisation_id);
create index ix_oidc_grant_client_id on app.oidc_grant (client_id);
create index ix_oidc_grant_user_id on app.oidc_grant (user_id);
create index ix_oidc_grant_session_id on app.oidc_grant (session_id);

create table app.oidc_code (
  code_hash bytea constraint pk_oidc_code primary key,
  grant_id text not null constraint fk_oidc_code_grant_id references app.oidc_grant (id) on delete cascade,
  redirect_uri text not null,
  code_challenge text not null,
  expires_at timestamptz not null,
  used_at timestamptz
);
create index ix_oidc_code_expires_at on app.oidc_code (expires_at);
create index ix_oidc_code_grant_id on app.oidc_code (grant_id);

create table app.oidc_refresh_token (
  token_hash bytea constraint pk_oidc_refresh_token primary key,
  grant_id text not null
    constraint fk_oidc_refresh_token_grant_id references app.oidc_grant (id) on delete cascade,
  created_at timestamptz not null default now(),
  expires_at timestamptz not null,
  used_at timestamptz
);
create index ix_oidc_refresh_token_expires_at on app.oidc_refresh_token (expires_at);
create index ix_oidc_refresh_token_grant_id on app.oidc_refresh_token (grant_id);

create table app.oidc_device_code (
  code_hash bytea constraint pk_oidc_device_code primary key,
  user_code text not null,
  client_id text not null
    constraint fk_oidc_device_code_client_id references app.oidc_client (id) on delete cascade,
  scopes text[] not null,
  expires_at timestamptz not null,
  interval int not null,
  polled_at timestamptz,
  decision text,
  grant_id text constraint fk_oidc_device_code_grant_id references app.oidc_grant (id) on delete cascade,
  used_at timestamptz
);
create unique index ix_oidc_device_code_user_code on app.oidc_device_code (user_code);
create index ix_oidc_device_code_expires_at on app.oidc_device_code (expires_at);
create index ix_oidc_device_code_client_id on app.oidc_device_code (client_id);
create index ix_oidc_device_code_grant_id on app.oidc_device_code (grant_id);

create table app.oidc_signing_key (
  id text constraint pk_oidc_signing_key primary key,
  algorithm text not null,
  public jsonb not null,
  sealed bytea not null,
  created_at timestamptz not null default now(),
  signs_from timestamptz not null,
  signs_until timestamptz not null
);
"""


def upgrade() -> None:
    op.execute(TABLES)
    tenant_table("oidc_client", BY_ORGANISATION)
    tenant_table("oidc_grant", BY_ORGANISATION)
    for table in _UNTENANTED:
        system_only(table)


def downgrade() -> None:
    for table in (*_UNTENANTED, "oidc_grant", "oidc_client"):
        op.execute(f"drop table app.{table}")
