"""HTTP of sagas: `/v1/sagas`. One is begun by the slice that declares it (`nexus.sagas.begin`)."""

from __future__ import annotations

from typing import Annotated

from fastapi import Query, Response

from api.kernel.idempotency import IdempotencyKey
from api.kernel.pages import Page, PageQuery
from api.kernel.preconditions import tag
from api.kernel.routing import Router
from api.kernel.transactions import Transaction
from api.problems import CREATED, GUARDED
from api.sagas import pages, repository, service
from api.sagas.policies import SagaMender, SagaReader
from api.sagas.schemas import MendIn, SagaHistoryOut, SagaId, SagaOut, SagaState
from nexus.sagas import mending

router = Router(prefix="/v1/sagas", tags=["sagas"], responses=GUARDED)


@router.get("", summary="Sagas of the organisation, newest first")
async def list_sagas(
    caller: SagaReader,
    page: PageQuery,
    session: Transaction,
    state: Annotated[SagaState | None, Query(description="only those in this state")] = None,
) -> Page[SagaOut]:
    return (await repository.page(session, page, state)).page(SagaOut.model_validate)


@router.get("/{saga_id}", summary="How far a saga is, with every attempt")
async def get_saga(saga_id: SagaId, caller: SagaReader, session: Transaction, response: Response) -> SagaHistoryOut:
    found = await service.history(session, saga_id)
    tag(response, found.version)
    return found


@router.post("/{saga_id}:cancel", summary="Let a saga undo what it has done", responses=CREATED)
async def cancel_saga(
    saga_id: SagaId, said: MendIn, caller: SagaMender, key: IdempotencyKey, session: Transaction
) -> SagaOut:
    """Possible until a step is done that is final."""
    return SagaOut.model_validate(await mending.cancel(session, saga_id, by=caller.id, reason=said.reason))


@router.post("/{saga_id}:retry", summary="Let a stuck saga go on", responses=CREATED)
async def retry_saga(
    saga_id: SagaId, said: MendIn, caller: SagaMender, key: IdempotencyKey, session: Transaction
) -> SagaOut:
    """It makes the call again at which it is stuck."""
    return SagaOut.model_validate(await mending.retry(session, saga_id, by=caller.id, reason=said.reason))


@router.post("/{saga_id}:skip", summary="Let a stuck saga go on without the step", responses=CREATED)
async def skip_saga(
    saga_id: SagaId, said: MendIn, caller: SagaMender, key: IdempotencyKey, session: Transaction
) -> SagaOut:
    """For what somebody has done by hand, or what need not be done."""
    return SagaOut.model_validate(await mending.skip(session, saga_id, by=caller.id, reason=said.reason))


@router.post("/{saga_id}:abandon", summary="Leave a stuck saga as it is", responses=CREATED)
async def abandon_saga(
    saga_id: SagaId, said: MendIn, caller: SagaMender, key: IdempotencyKey, session: Transaction
) -> SagaOut:
    return SagaOut.model_validate(await mending.abandon(session, saga_id, by=caller.id, reason=said.reason))


router.routes.extend(pages.router.routes)
