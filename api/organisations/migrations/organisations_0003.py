"""What an API key stands for, in one function: look-ups ask it before a tenant is known, requests whether it is still so."""

from alembic import op

revision = "organisations_0003"
down_revision = "organisations_0002"
branch_labels = None
depends_on = "identity_0004"

#: With the rights of whoever asks: within a tenant, of its own keys alone.
STANDS_FOR = """
create function app.organisations_key(of_key bytea, noted_every interval)
returns table (is_stale boolean, stands_for text)
language sql stable as $$
  select k.last_used_at is null or k.last_used_at < now() - noted_every, jsonb_build_object(
    'id', k.id, 'organisation', k.organisation_id, 'scopes', k.scopes,
    'member', k.member_id, 'user', m.user_id, 'account', k.service_account_id,
    'workspaces', (select jsonb_agg(w.id) from app.workspace w where w.organisation_id = k.organisation_id),
    'given', (
      select jsonb_agg(jsonb_build_array(a.id, a.role, r.name, r.permissions, a.scope, a.condition, a.group_id, g.name)
        order by a.id)
      from app.organisations_assignment a
      left join app.organisations_role r on r.id = a.role and r.organisation_id = a.organisation_id
      left join app.organisations_group g on g.id = a.group_id
      where a.organisation_id = k.organisation_id and (
        a.member_id = k.member_id or a.service_account_id = k.service_account_id
        or a.group_id in (select group_id from app.organisations_group_member where member_id = k.member_id))
    ))::text
  from app.organisations_api_key k
  left join app.organisations_member m on m.id = k.member_id
  left join app.organisations_service_account s on s.id = k.service_account_id
  where k.hash = of_key and k.revoked_at is null and k.expires_at > now()
    and (k.member_id is null or (m.status = 'active' and app.identity_is_active(m.user_id)))
    and (k.service_account_id is null or s.disabled_at is null)
$$
"""


def upgrade() -> None:
    op.execute(STANDS_FOR)


def downgrade() -> None:
    op.execute("drop function app.organisations_key(bytea, interval)")
