"""Pages of sagas for whoever operates them: `/account/sagas`, how far each is, everything that happened to it, mending it.

Belongs here: HTTP of the pages, who sees them. Does not belong here: the API (endpoints.py), what mending does (nexus/sagas).
A page is about every organisation in which the one who is signed in may see sagas, each in a transaction of its own tenant.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated

from fastapi import Path, Request, Response
from pydantic import ValidationError

from api.identity.endpoints.common import Field, go
from api.identity.forms import from_our_page
from api.identity.pages import page
from api.identity.sessions import BrowserSession, SignedIn
from api.kernel.idempotency import unkeyed
from api.kernel.ids import pattern
from api.kernel.permissions import Permission, public
from api.kernel.principal import Principal
from api.kernel.routing import Router
from api.kernel.transactions import database
from api.organisations import access
from api.organisations.access import Belonging, Circumstances
from api.sagas import repository, service
from api.sagas.policies import MEND, READ
from api.sagas.schemas import MendIn
from nexus.db import Session, Tenant
from nexus.db.acts import Act
from nexus.errors import ConflictError, NotFoundError
from nexus.sagas import mending

router = Router(include_in_schema=False, dependencies=[public("pages for whoever is signed in in this browser")])
PATH = "/account/sagas"
ONE = "/account/sagas/{saga_id}"
MENDING = "/account/sagas/{saga_id}/mend"
#: What an operator can do, by the name of the button.
HOW = {"retry": mending.retry, "skip": mending.skip, "abandon": mending.abandon, "cancel": mending.cancel}
SagaOfPath = Annotated[str, Path(pattern=pattern("sag"))]


@router.get(PATH)
async def sagas_page(request: Request, here: SignedIn, show: str = "") -> Response:
    mine = await _organisations(request, here, READ)
    found = []
    for belonging in mine:
        async with database(request).transaction(Tenant(belonging.organisation_id)) as session:
            rows = await repository.newest(session, is_open=show != "all")
            found += [(row, belonging.name) for row in rows]
    return page(
        request, "sagas/list.html", narrow=False, sagas=found, is_operator=bool(mine), are_several=len(mine) > 1,
        is_whole=show == "all", most=repository.SHOWN,
    )  # fmt: skip


@router.get(ONE)
async def saga_page(request: Request, here: SignedIn, saga_id: SagaOfPath, said: str = "") -> Response:
    return await _shown(request, here, saga_id, notice="It is noted; a worker does it." if said == "mended" else None)


@router.post(MENDING, dependencies=[from_our_page, unkeyed("a form of a page, not a call of the API")])
async def mend_on_page(
    request: Request, here: SignedIn, saga_id: SagaOfPath, how: Field = "", reason: Field = ""
) -> Response:
    try:
        why = MendIn(reason=reason).reason
    except ValidationError:
        return await _shown(request, here, saga_id, 422, "Say why, in at most 500 characters: it is kept.")
    try:
        async with _with_saga(request, here, saga_id, MEND) as (session, belonging):
            act = Act(
                organisation=belonging.organisation_id, actor_kind="user", actor_id=here.user_id, person=here.user_id,
                action=f"POST {MENDING}", permission=MEND.name, target=request.url.path,
                address=request.client.host if request.client else None, reason=why,
            )  # fmt: skip
            session.act = lambda: act
            if how not in HOW:
                raise ConflictError("that cannot be done with a saga")
            await HOW[how](session, saga_id, by=here.user_id, reason=why)
    except NotFoundError:
        return go(PATH)
    except ConflictError as error:
        return await _shown(request, here, saga_id, 409, f"{error.message[0].upper()}{error.message[1:]}.")
    return go(f"{PATH}/{saga_id}?said=mended")


async def _shown(
    request: Request, here: BrowserSession, saga_id: str, status: int = 200, wrong: str | None = None,
    notice: str | None = None,
) -> Response:  # fmt: skip
    try:
        async with _with_saga(request, here, saga_id, READ) as (session, belonging):
            found = await service.history(session, saga_id)
            happened = await service.happened(session, found)
    except NotFoundError:
        return go(PATH)
    may_mend = belonging in await _organisations(request, here, MEND)
    return page(
        request, "sagas/one.html", status=status, narrow=False, saga=found, happened=happened, notice=notice,
        organisation=belonging.name, may_mend=may_mend, errors={"reason": wrong} if wrong else {},
    )  # fmt: skip


@asynccontextmanager
async def _with_saga(
    request: Request, here: BrowserSession, saga_id: str, permission: Permission
) -> AsyncIterator[tuple[Session, Belonging]]:
    """A transaction of the organisation that has it. Raises NotFoundError if none in which they have the permission does."""
    for belonging in await _organisations(request, here, permission):
        async with database(request).transaction(Tenant(belonging.organisation_id)) as session:
            if await repository.exists(session, saga_id):
                yield session, belonging
                return
    raise NotFoundError("there is no such saga")


async def _organisations(request: Request, here: BrowserSession, permission: Permission) -> list[Belonging]:
    """Where this sign-in is let in and has the permission."""
    at = Circumstances(methods=here.methods, address=request.client.host if request.client else None)
    async with database(request).system() as session:
        found = []
        for belonging in await access.organisations_of(session, here.user_id):
            if access.admits(belonging, here.methods, here.realm) == "yes":
                grants = await access.grants(session, here.user_id, belonging.organisation_id, at)
                who = Principal("user", here.user_id, belonging.organisation_id, frozenset(), grants)
                found += [belonging] if who.allows(permission.name) else []
        return found
