"""A request may be one statement (nexus/db/at_once.py): it asks whether its Idempotency-Key is new, and ends with or without one."""

from alembic import op

revision = "kernel_0009"
down_revision = "kernel_0008"
branch_labels = None
depends_on = None

#: Two statements: the second sees what was committed by whoever held the lock before. An answer that is too old to be given
#: is removed by `claim_key`, whoever comes this way goes there first.
IS_NEW = """
create function app.key_is_new(org text, workspace text, on_route text, with_key text) returns boolean
language plpgsql volatile as $$
begin
  if not pg_try_advisory_xact_lock(hashtextextended(concat_ws('/', org, workspace, on_route, with_key), 7304)) then
    return false;
  end if;
  return not exists (
    select from app.idempotency_key k
    where k.organisation_id = org and k.workspace_id = workspace and k.route = on_route and k.key = with_key);
end $$
"""
#: Of kernel_0008; now a key may be null.
END = """
create function app.end_request(
  batch jsonb, org text, workspace text, on_route text, with_key text, of_request text, with_status int,
  with_headers jsonb, with_body bytea)
returns boolean language plpgsql as $$
begin
  if jsonb_array_length(batch) > 0 then
    perform app.append_events(batch);
  end if;
  if with_key is not null then
    insert into app.idempotency_key (organisation_id, workspace_id, route, key, fingerprint, status, headers, body)
    values (org, workspace, on_route, with_key, of_request, with_status, with_headers, with_body);
  end if;
  return true;
end $$
"""
BEFORE = """
create function app.end_request(
  batch jsonb, org text, workspace text, on_route text, with_key text, of_request text, with_status int,
  with_headers jsonb, with_body bytea)
returns void language plpgsql as $$
begin
  if jsonb_array_length(batch) > 0 then
    perform app.append_events(batch);
  end if;
  insert into app.idempotency_key (organisation_id, workspace_id, route, key, fingerprint, status, headers, body)
  values (org, workspace, on_route, with_key, of_request, with_status, with_headers, with_body);
end $$
"""
_DROP_END = "drop function app.end_request(jsonb, text, text, text, text, text, int, jsonb, bytea)"


def upgrade() -> None:
    op.execute(IS_NEW)
    op.execute(_DROP_END)
    op.execute(END)


def downgrade() -> None:
    op.execute(_DROP_END)
    op.execute(BEFORE)
    op.execute("drop function app.key_is_new(text, text, text, text)")
