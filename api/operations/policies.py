"""Who may see and cancel long work."""

from __future__ import annotations

from typing import Annotated

from api.kernel.permissions import permission, requires
from api.kernel.principal import Principal

READ = permission("operations.read", "See long work and what became of it")
CANCEL = permission("operations.cancel", "Ask long work to stop")

OperationReader = Annotated[Principal, requires(READ)]
OperationCanceller = Annotated[Principal, requires(CANCEL)]
