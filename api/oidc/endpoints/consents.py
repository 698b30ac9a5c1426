"""What one lets applications do: `/v1/me/applications`, and the page `/account/applications`."""

from __future__ import annotations

from collections.abc import AsyncIterator
from functools import partial
from typing import Annotated

from fastapi import Depends, Path, Request, Response, status

from api.identity.endpoints.common import go
from api.identity.forms import from_our_page
from api.identity.pages import page
from api.identity.sessions import SignedIn
from api.kernel.acts import asked
from api.kernel.idempotency import unkeyed
from api.kernel.ids import pattern
from api.kernel.permissions import public
from api.kernel.principal import ForbiddenError, Principal
from api.kernel.routing import Router
from api.kernel.transactions import database
from api.oidc import consents, scopes
from api.oidc.consents import Allowed
from api.oidc.policies import ConsentHolder
from api.oidc.schemas import AllowedListOut, AllowedOut, ClientId
from api.organisations import access
from api.problems import GUARDED
from nexus.db import Session
from nexus.db.acts import Act
from nexus.errors import NotFoundError

router = Router()
_API = Router(prefix="/v1/me/applications", tags=["oidc"], responses=GUARDED)
_PAGES = Router(include_in_schema=False, dependencies=[public("pages for whoever is signed in in this browser")])
_FORM = [from_our_page, unkeyed("a form of a page, not a call of the API")]
PATH = "/account/applications"
WITHDRAW = "/account/applications/{client_id}/withdraw"


async def _system(request: Request, caller: ConsentHolder) -> AsyncIterator[Session]:
    """A transaction that sees what is one person's, and is witnessed as any administrative act."""
    async with database(request).system(caller.tenant) as session:
        session.act = partial(asked, request)
        yield session


Theirs = Annotated[Session, Depends(_system, scope="function")]


def _person(caller: Principal) -> str:
    """Raises ForbiddenError for a program, which lets nobody do anything."""
    person = caller.claims.get("user_id") or (caller.id if caller.kind == "user" else None)
    if person is None:
        raise ForbiddenError("a program lets no application in", remedy="sign in as a person")
    return str(person)


@_API.get("", summary="The applications that one lets do something in this organisation, by name")
async def list_my_applications(caller: ConsentHolder, session: Theirs) -> AllowedListOut:
    found = await consents.of(session, _person(caller), caller.organisation)
    return AllowedListOut(data=[_shown(one) for one in found])


@_API.delete("/{client_id}", summary="Withdraw what an application may do, and end its tokens", status_code=status.HTTP_204_NO_CONTENT)  # fmt: skip
async def withdraw_application(client_id: ClientId, caller: ConsentHolder, session: Theirs) -> None:
    await consents.withdraw(session, _person(caller), client_id, caller.organisation)


def _shown(one: Allowed) -> AllowedOut:
    return AllowedOut(
        client_id=one.client.id, name=one.client.name, scopes=list(one.scopes), since=one.since,
        last_used_at=one.last_used_at,
    )  # fmt: skip


@_PAGES.get(PATH)
async def applications_page(request: Request, here: SignedIn, said: str = "") -> Response:
    async with database(request).system() as session:
        # an organisation's provider speaks for the organisation: what its people let in elsewhere it neither sees nor ends
        found = await consents.of(session, here.user_id, here.realm)
        names = {b.organisation_id: b.name for b in await access.organisations_of(session, here.user_id)}
    shown = [
        (one, scopes.meanings(one.scopes), ", ".join(names[o] for o in one.organisations if o in names))
        for one in found
    ]
    notice = "That application may do nothing in your name any more." if said == "withdrawn" else None
    return page(request, "oidc/applications.html", narrow=False, applications=shown, notice=notice)


@_PAGES.post(WITHDRAW, dependencies=_FORM)
async def withdraw_on_page(
    request: Request, here: SignedIn, client_id: Annotated[str, Path(pattern=pattern("client"))]
) -> Response:
    """One that was not let in, or no longer, is none: the answer is the same."""
    try:
        async with database(request).system() as session:
            client = await consents.withdraw(session, here.user_id, client_id, here.realm)
            act = Act(
                organisation=client.organisation_id, actor_kind="user", actor_id=here.user_id, person=here.user_id,
                action=f"POST {WITHDRAW}", target=request.url.path,
                address=request.client.host if request.client else None,
            )  # fmt: skip
            session.act = lambda: act
    except NotFoundError:
        return go(PATH)
    return go(f"{PATH}?said=withdrawn")


router.routes.extend([*_API.routes, *_PAGES.routes])
