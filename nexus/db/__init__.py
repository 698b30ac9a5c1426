"""The operational database: schema `app` of PostgreSQL, its roles, tenancy, sessions and migrations.

Belongs here: how services reach PostgreSQL and what keeps tenants apart. Does not belong here: tables of a slice
(`api/<domain>/models.py`), the ledger of the lake (warehouse/ledger.py), HTTP.
"""

from nexus.db.engine import Database
from nexus.db.models import Base, Timestamps, Versioned
from nexus.db.session import Session
from nexus.db.tenants import Organisation, Workspace
from nexus.tenancy import LOCAL_ORGANISATION, Tenant

__all__ = [
    "LOCAL_ORGANISATION", "Base", "Database", "Organisation", "Session", "Tenant", "Timestamps", "Versioned", "Workspace",
]  # fmt: skip
