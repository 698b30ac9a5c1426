"""Apps that make codes, recovery codes, passkeys, challenges."""

from alembic import op

from nexus.db.ddl import system_only

revision = "mfa_0001"
down_revision = None
branch_labels = ("mfa",)
depends_on = "identity_0001"

TABLES = ("mfa_totp", "mfa_recovery_code", "mfa_passkey", "mfa_challenge")


def _owned(table: str, more: str = " not null") -> str:
    return f"user_id text{more} constraint fk_{table}_user_id references app.identity_user (id) on delete cascade"


SQL = f"""
create table app.mfa_totp (
  id text constraint pk_mfa_totp primary key,
  {_owned("mfa_totp")},
  sealed_secret bytea not null,
  confirmed_at timestamptz,
  last_step bigint not null,
  created_at timestamptz not null default now(),
  constraint uq_mfa_totp_user_id unique (user_id)
);
create table app.mfa_recovery_code (
  id text constraint pk_mfa_recovery_code primary key,
  {_owned("mfa_recovery_code")},
  code_hash text not null,
  used_at timestamptz
);
create index ix_mfa_recovery_code_user_id on app.mfa_recovery_code (user_id);
create table app.mfa_passkey (
  id text constraint pk_mfa_passkey primary key,
  {_owned("mfa_passkey")},
  credential_id bytea not null,
  public_key bytea not null,
  sign_count bigint not null,
  name text not null,
  created_at timestamptz not null default now(),
  last_used_at timestamptz,
  constraint uq_mfa_passkey_credential_id unique (credential_id)
);
create index ix_mfa_passkey_user_id on app.mfa_passkey (user_id);
create table app.mfa_challenge (
  hash bytea constraint pk_mfa_challenge primary key,
  {_owned("mfa_challenge", "")},
  expires_at timestamptz not null
);
create index ix_mfa_challenge_expires_at on app.mfa_challenge (expires_at);
"""


def upgrade() -> None:
    op.execute(SQL)
    for table in TABLES:
        system_only(table)


def downgrade() -> None:
    for table in TABLES:
        op.drop_table(table, schema="app")
