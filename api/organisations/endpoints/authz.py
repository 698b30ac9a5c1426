"""`POST /v1/authz:check`: may somebody do something, and why."""

from __future__ import annotations

from fastapi import Request

from api.kernel.idempotency import unkeyed
from api.organisations.endpoints.routing import router
from api.organisations.policies import AccessAsker
from api.organisations.schemas.authz import ChecksIn, DecisionOut, DecisionsOut, ReasonOut
from api.organisations.service.authz import Authz


@router.post(
    "/authz:check",
    summary="May they, and why: one answer for each check",
    dependencies=[unkeyed("it changes nothing")],
)
async def check(said: ChecksIn, caller: AccessAsker, authz: Authz, request: Request) -> DecisionsOut:
    address = request.client.host if request.client else None
    found = [await authz.decide(caller, each, address) for each in said.checks]
    return DecisionsOut(
        results=[
            DecisionOut(
                allowed=d.allowed,
                because=[ReasonOut.model_validate(given) for given in d.because],
                by_membership=d.by_membership,
                missing=d.missing,
            )
            for d in found
        ]
    )
