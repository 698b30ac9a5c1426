"""HTTP of long work: `/v1/operations`. A slice answers `202` by `accepted(response, operation)`."""

from __future__ import annotations

from fastapi import Response

from api.kernel.idempotency import unkeyed
from api.kernel.pages import Page, PageQuery
from api.kernel.preconditions import tag
from api.kernel.reading import Reads
from api.kernel.routing import Router
from api.kernel.transactions import Transaction
from api.operations.policies import OperationCanceller, OperationReader
from api.operations.schemas import OperationId, OperationOut
from api.problems import CREATED, GUARDED
from nexus import operations
from nexus.operations import Operation

router = Router(prefix="/v1/operations", tags=["operations"], responses=GUARDED)


@router.get("", summary="Long work of the workspace, newest first")
async def list_operations(caller: OperationReader, page: PageQuery, reads: Reads) -> Page[OperationOut]:
    return (await reads.page(Operation, page)).page(OperationOut.model_validate)


@router.get("/{operation_id}", summary="How far long work is, and what came of it")
async def get_operation(
    operation_id: OperationId, caller: OperationReader, reads: Reads, response: Response
) -> OperationOut:
    found = await reads.one(Operation, operation_id, "operation")
    tag(response, found.version)
    if found.status not in operations.ENDED:
        response.headers["Retry-After"] = "1"
    return OperationOut.model_validate(found)


@router.post(
    "/{operation_id}:cancel",
    summary="Ask long work to stop",
    responses=CREATED,
    dependencies=[unkeyed("asking twice is asking once")],
)
async def cancel_operation(operation_id: OperationId, caller: OperationCanceller, session: Transaction) -> OperationOut:
    """Work that has begun stops at its next step, if it can; `status` says when it has."""
    return OperationOut.model_validate(await operations.cancel(session, operation_id))
