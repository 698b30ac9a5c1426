"""`202 Accepted`: the answer of a request whose work goes on after it.

Belongs here: status and headers. Does not belong here: the work (nexus/jobs).

    @router.post("/exports", status_code=202)
    async def export(caller: Exporter, key: IdempotencyKey, session: Transaction, response: Response) -> OperationOut:
        return accepted(response, await jobs.operation(session, "reports.export", by=caller.id))
"""

from __future__ import annotations

from fastapi import Response, status

from api.operations.schemas import OperationOut
from nexus.operations import Operation


def accepted(response: Response, operation: Operation) -> OperationOut:
    """Says where to look for what comes of it."""
    response.status_code = status.HTTP_202_ACCEPTED
    response.headers["Location"] = f"/v1/operations/{operation.id}"
    response.headers["Retry-After"] = "1"
    return OperationOut.model_validate(operation)
