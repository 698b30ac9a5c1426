"""Whose rows a transaction may see, and how PostgreSQL is told.

Belongs here: the tenant and the two settings that policies read. Does not belong here: who the caller is (api/kernel).

An *organisation* (`org_…`) is a customer of Nexus; it owns *workspaces*, whose slug is the `workspace_id` of the lake and
of every mart. A table that has `workspace_id` belongs to a workspace; one that has only `organisation_id` to an
organisation. The settings last for one transaction (`set_config(…, true)`): a pooled connection forgets them.
"""

from __future__ import annotations

from dataclasses import dataclass

#: The organisation of whoever has this machine: it owns what the tokens of `nexus token` make.
LOCAL_ORGANISATION = "org_" + "0" * 32
WORKSPACE, ORGANISATION = "app.workspace", "app.organisation"


@dataclass(frozen=True, slots=True)
class Tenant:
    """Rows of `workspace` and of its `organisation`; without a workspace, those of the organisation alone."""

    organisation: str
    workspace: str | None = None


def assume(tenant: Tenant | None) -> tuple[str, dict[str, str]]:
    """SQL and parameters that make the current transaction act for `tenant`; for None it sees no tenant's rows."""
    values = {
        "workspace": (tenant.workspace if tenant else None) or "",
        "organisation": tenant.organisation if tenant else "",
    }
    return (
        f"select set_config('{WORKSPACE}', :workspace, true), set_config('{ORGANISATION}', :organisation, true)",
        values,
    )
