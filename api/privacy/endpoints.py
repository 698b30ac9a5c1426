"""HTTP of personal data: an administrator's export and erasure, and one's own at `/account/data`.

Belongs here: routes and pages. Does not belong here: what either consists of (service.py).
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from functools import partial
from typing import Annotated

from fastapi import Depends, Form, Request, Response, status
from fastapi.responses import RedirectResponse

from api.identity import cookies, directory
from api.identity.directory import email_key
from api.identity.forms import from_our_page
from api.identity.pages import page
from api.identity.sessions import RecentlySignedIn
from api.kernel.acts import asked
from api.kernel.idempotency import unkeyed
from api.kernel.ids import path_id
from api.kernel.permissions import public
from api.kernel.routing import Router
from api.kernel.transactions import database
from api.organisations.service.rules import LastOwnerError
from api.privacy import service
from api.privacy.policies import PersonEraser, PersonExporter
from api.privacy.schemas import ErasureOut, PersonOut, WhyIn
from api.problems import CHANGED, GUARDED
from nexus.db import Session

router = Router(tags=["privacy"])
MemberId = Annotated[str, path_id("mem")]
THEMSELVES = "asked for by the person themselves"
_KEPT = unkeyed("a kept answer would keep what it is about")
_PAGE = [public("pages for whoever is signed in in this browser")]
_FORM = [*_PAGE, from_our_page, unkeyed("a form of a page, not a call of the API")]


async def _system(request: Request) -> AsyncIterator[Session]:
    """A transaction that sees people, and is witnessed as any administrative act."""
    principal = getattr(request.state, "principal", None)
    async with database(request).system(principal.tenant if principal else None) as session:
        session.act = partial(asked, request)
        yield session


AmongPeople = Annotated[Session, Depends(_system, scope="function")]


@router.post("/v1/members/{member_id}:export", dependencies=[_KEPT], responses={**GUARDED, **CHANGED})
async def export_member(member_id: MemberId, said: WhyIn, caller: PersonExporter, session: AmongPeople) -> PersonOut:
    """Everything that Nexus holds of a member whom no other organisation has."""
    found = await service.of_member(session, caller, member_id, "exporting a person")
    return await service.export(session, found.user_id, caller.id, said.reason, caller.tenant)


@router.post(
    "/v1/members/{member_id}:erase",
    status_code=status.HTTP_201_CREATED,
    dependencies=[_KEPT],
    responses={**GUARDED, **CHANGED},
)
async def erase_member(member_id: MemberId, said: WhyIn, caller: PersonEraser, session: AmongPeople) -> ErasureOut:
    """Erases a member whom no other organisation has. It cannot be taken back."""
    found = await service.of_member(session, caller, member_id, "erasing a person")
    return ErasureOut.model_validate(await service.erase(session, found.user_id, caller.id, said.reason))


@router.get("/account/data", dependencies=_PAGE, include_in_schema=False)
async def data_page(request: Request, here: RecentlySignedIn) -> Response:
    return page(request, "privacy/data.html")


@router.post("/account/data/export", dependencies=_FORM, include_in_schema=False)
async def export_oneself(request: Request, here: RecentlySignedIn, session: AmongPeople) -> Response:
    found = await service.export(session, here.user_id, here.user_id, THEMSELVES)
    headers = {"Content-Disposition": 'attachment; filename="my-data.json"', "Cache-Control": "no-store"}
    return Response(found.model_dump_json(indent=1), media_type="application/json", headers=headers)


@router.post("/account/data/erase", dependencies=_FORM, include_in_schema=False)
async def erase_oneself(
    request: Request, here: RecentlySignedIn, session: AmongPeople, email: Annotated[str, Form()] = ""
) -> Response:
    person = await directory.user(session, here.user_id)
    if person is None or email_key(email) != email_key(person.email):
        return _refused(request, email, "That is not the address of this account.")
    try:
        await service.erase(session, here.user_id, here.user_id, THEMSELVES)
    except LastOwnerError as error:
        return _refused(request, email, f"You cannot go yet: {error.message}. Please {error.remedy}.")
    answer = RedirectResponse("/signin?said=out", status.HTTP_303_SEE_OTHER)
    cookies.drop(request, answer, cookies.SESSION)
    return answer


def _refused(request: Request, email: str, why: str) -> Response:
    return page(request, "privacy/data.html", status=422, errors={"email": why}, email=email)
