"""Who may see sagas, and mend those that are stuck."""

from __future__ import annotations

from typing import Annotated

from api.kernel.permissions import permission, requires
from api.kernel.principal import Principal

READ = permission("sagas.read", "See work of several steps, and what went wrong with it", "organisation")
MEND = permission("sagas.mend", "Cancel it, or retry, skip or abandon a step that is stuck", "organisation")

SagaReader = Annotated[Principal, requires(READ)]
SagaMender = Annotated[Principal, requires(MEND)]
