"""What migrations of slices say about a table besides its columns: whose its rows are, that they are kept for ever.

Belongs here: policies, append-only tables, reaching every row on purpose. Does not belong here: a table.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from alembic import op

from nexus.db.roles import API, SCHEMA, SYSTEM
from nexus.tenancy import ORGANISATION, WORKSPACE

#: `nullif`: a pooled connection keeps the setting as an empty text after the transaction that made it.
_SAID = "(select nullif(current_setting('{name}', true), ''))"
WORKSPACE_IS, ORGANISATION_IS = _SAID.format(name=WORKSPACE), _SAID.format(name=ORGANISATION)
BY_WORKSPACE = f"workspace_id = {WORKSPACE_IS}"
BY_ORGANISATION = f"organisation_id = {ORGANISATION_IS}"


def tenant_table(table: str, rule: str = BY_WORKSPACE, *, check: str | None = None) -> None:
    """Rows of `app.<table>` are seen and written only by the tenant that `rule` says; by `nexus_system`, all of them.

    `rule` is BY_WORKSPACE, BY_ORGANISATION, or an expression over both; `check` is stricter about what may be written.
    """
    name = f"{SCHEMA}.{table}"
    op.execute(f"alter table {name} enable row level security")
    op.execute(f"alter table {name} force row level security")
    op.execute(f"create policy tenant on {name} to {API} using ({rule}) with check ({check or rule})")
    op.execute(f"create policy every_tenant on {name} to {SYSTEM} using (true) with check (true)")


def append_only(table: str) -> None:
    """Nobody changes or removes a row of `app.<table>`, its owner neither."""
    name = f"{SCHEMA}.{table}"
    op.execute(f"revoke update, delete, truncate on {name} from {API}, {SYSTEM}")
    op.execute(
        f"create trigger append_only before update or delete or truncate on {name} "
        f"for each statement execute function {SCHEMA}.refuse_change()"
    )


def system_only(table: str) -> None:
    """Requests do not reach `app.<table>`, whatever they are made to say: `nexus_system` alone does."""
    op.execute(f"revoke all on {SCHEMA}.{table} from {API}")


@contextmanager
def every_row(table: str) -> Iterator[None]:
    """Lets a migration's own statements reach rows of every tenant. Without it, an owner under FORCE changes none, silently."""
    name = f"{SCHEMA}.{table}"
    op.execute(f"alter table {name} no force row level security")
    yield
    op.execute(f"alter table {name} force row level security")
