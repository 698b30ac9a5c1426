"""Closing an organisation: shut at once, gone for good after a week, and open again if somebody thinks better of it.

Belongs here: the steps. Does not belong here: who may ask for it (service/closing.py), what other slices keep of the
organisation: they remove it when `organisations.organisation.closed` tells them.

    shut ──▶ grace ──▶ remove (final) ──▶ tell
      ▲        │
      └────────┘ cancelled: what was shut is opened again, but for what was taken away by hand meanwhile
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from api.organisations import events
from api.organisations.repository.closing import ClosingRepository
from nexus.jobs import Again
from nexus.sagas import Doing, Saga, Step

CLOSE = "organisations.close"


async def shut(doing: Doing) -> dict[str, Any]:
    """Owners alone can still sign in here, to think better of it. What is shut is returned, by id."""
    done = await ClosingRepository(doing.session).shut()
    counts = {what: len(ids) for what, ids in done.items()}
    happened = events.OrganisationShut(organisation_id=doing.tenant.organisation, actor_id=doing.by, **counts)
    doing.session.record(happened)
    return {what: list(ids) for what, ids in done.items()}


async def reopen(doing: Doing) -> None:
    await ClosingRepository(doing.session).reopen(doing.done["shut"])
    doing.session.record(events.OrganisationReopened(organisation_id=doing.tenant.organisation, actor_id=doing.by))


async def grace(doing: Doing) -> None:
    left = doing.begun_at + timedelta(days=float(doing.arguments["grace_days"])) - datetime.now(UTC)
    if left > timedelta(0):
        raise Again(left)


async def remove(doing: Doing) -> None:
    await ClosingRepository(doing.session).remove()


async def tell(doing: Doing) -> None:
    doing.session.record(events.OrganisationClosed(organisation_id=doing.tenant.organisation, actor_id=doing.by))


Saga(
    CLOSE,
    Step("shut", shut, compensate=reopen),
    Step("grace", grace),
    Step("remove", remove, is_final=True),
    Step("tell", tell),
)
