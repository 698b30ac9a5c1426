"""HTTP of access reviews: `/v1/access-review`."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import FastAPI, Query

from api.kernel.idempotency import unkeyed
from api.kernel.pages import Page, PageQuery, Rows
from api.kernel.routing import Router
from api.organisations.models import Member, ServiceAccount
from api.problems import CREATED, GUARDED
from api.reviews.policies import Reviewer
from api.reviews.schemas import Days, Kind, ReplayIn, ReplayOut, ReviewOut
from api.reviews.service import Reviews
from api.reviews.tally import Tally
from nexus.settings import Settings

router = Router(prefix="/v1", tags=["reviews"], responses=GUARDED)


def start(app: FastAPI, settings: Settings) -> None:
    app.state.uses = Tally(app.state.database)


async def rest(app: FastAPI) -> None:
    await app.state.uses.rest()


@router.get("/access-review", summary="What everybody may, and what of it they have used; newest first")
async def review(
    caller: Reviewer, page: PageQuery, reviews: Reviews,
    kind: Annotated[Kind, Query(description="whose access")] = "member",
    days: Annotated[Days, Query(description="used in so many last days")] = 90,
) -> Page[ReviewOut]:  # fmt: skip
    found: Rows[Any]
    if kind == "member":
        found = await reviews.rules.rows.page(Member, page)
    else:
        found = await reviews.rules.rows.page(ServiceAccount, page)
    data = await reviews.of(caller, found.rows, days)
    return Page(data=data, next_cursor=found.next_cursor, has_more=found.next_cursor is not None)


@router.post(
    "/access-review:replay",
    summary="What a tighter policy would have refused of what was done",
    dependencies=[unkeyed("a question")],
    responses=CREATED,
)
async def replay(said: ReplayIn, caller: Reviewer, reviews: Reviews) -> ReplayOut:
    """Nothing is changed: roles of members and permissions of roles are tried over what was counted."""
    return await reviews.replay(caller, said)
