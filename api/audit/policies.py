"""Who may read what administrators did."""

from __future__ import annotations

from typing import Annotated

from api.kernel.permissions import permission, requires
from api.kernel.principal import Principal

READ = permission("audit.read", "Read and export the audit log", "organisation")

AuditReader = Annotated[Principal, requires(READ)]
