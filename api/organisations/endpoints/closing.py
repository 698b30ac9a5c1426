"""Closing the organisation: `202`, and a saga that tells how far it is."""

from __future__ import annotations

from fastapi import Response, status

from api.kernel.idempotency import IdempotencyKey
from api.kernel.transactions import Transaction
from api.organisations.endpoints.routing import router
from api.organisations.policies import OrganisationCloser
from api.organisations.schemas.organisation import CloseIn, OrganisationId
from api.organisations.service import closing
from api.problems import CREATED
from api.sagas.schemas import SagaOut


@router.post(
    "/organisations/{organisation_id}:close",
    summary="Close the organisation",
    status_code=status.HTTP_202_ACCEPTED,
    responses=CREATED,
)
async def close_organisation(
    organisation_id: OrganisationId,
    said: CloseIn,
    caller: OrganisationCloser,
    key: IdempotencyKey,
    session: Transaction,
    response: Response,
) -> SagaOut:
    """Everybody but its owners is shut out at once, keys and invitations open nothing. After the days of grace all of them
    are removed for good; until then `POST /v1/sagas/{id}:cancel` opens it again as it was."""
    made = await closing.close(session, caller, organisation_id, said.grace_days)
    response.headers["Location"] = f"/v1/sagas/{made.id}"
    return SagaOut.model_validate(made)
