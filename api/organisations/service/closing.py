"""Asking for an organisation to be closed."""

from __future__ import annotations

from api.kernel.principal import Principal
from api.organisations.repository.closing import ClosingRepository
from api.organisations.repository.rows import RowRepository
from api.organisations.sagas import CLOSE
from nexus import sagas
from nexus.db import LOCAL_ORGANISATION, Session
from nexus.errors import ConflictError, NotFoundError
from nexus.sagas import rows
from nexus.sagas.models import SagaRow


async def close(session: Session, caller: Principal, id: str, grace_days: int) -> SagaRow:
    """Begins it. Raises NotFoundError for another's; ConflictError for this machine's own, or if it is being closed."""
    if id != caller.organisation:
        raise NotFoundError("there is no such organisation")
    if id == LOCAL_ORGANISATION:
        raise ConflictError(
            "this machine's own organisation cannot be closed", remedy="it goes with the machine: remove NEXUS_HOME"
        )
    # two requests at once do not both find that nobody has asked before
    await RowRepository(session).lock(id)
    if found := await ClosingRepository(session).under_way(CLOSE):
        raise ConflictError("it is being closed already", remedy=f"GET /v1/sagas/{found}")
    made = await sagas.begin(session, CLOSE, {"grace_days": grace_days}, by=caller.id)
    return await rows.row(session, made)
