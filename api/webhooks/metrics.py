"""What is measured of webhooks, for Prometheus: over every organisation, naming none.

Belongs here: gauges, and the one statement behind them. Does not belong here: when they are read (api/telemetry).
"""

from __future__ import annotations

from sqlalchemy import text

from nexus.db import Session
from nexus.telemetry.metrics import Latest

DELIVERIES = Latest("nexus_webhooks_deliveries", "Deliveries begun within the last hour.", ["state"])
WAITING = Latest("nexus_webhooks_waiting", "Deliveries not yet made: due, or to be tried again later.", ["when"])
LATE = Latest("nexus_webhooks_late_seconds", "How long the oldest delivery waits that is due.", [])
ENDPOINTS = Latest("nexus_webhooks_endpoints", "Endpoints: working, failing, or switched off and why.", ["state"])
#: Every series is there from the beginning, so that an alarm on one has something to look at.
_STATES = ("pending", "delivered", "failed")
_ENDPOINTS = ("working", "failing", "disabled_asked", "disabled_failing", "disabled_gone")
# each by an index: nothing is counted that is not recent or waiting
_RECENT = text(
    "select state, count(*) from app.webhooks_delivery where created_at > now() - interval '1 hour' group by 1"
)
_DUE = text(
    """
    select count(*) filter (where d.next_at <= now()), count(*) filter (where d.next_at > now()),
      coalesce(extract(epoch from now() - min(d.next_at) filter (where d.next_at <= now())), 0)::float8
    from app.webhooks_delivery d join app.webhooks_endpoint e on e.id = d.endpoint_id
    where d.state = 'pending' and e.is_enabled
    """
)
_BY_STATE = text(
    """
    select case when not is_enabled then 'disabled_' || disabled_because when failing_since is null then 'working'
      else 'failing' end, count(*)
    from app.webhooks_endpoint group by 1
    """
)


async def measure(session: Session) -> None:
    recent = {state: int(number) for state, number in await session.execute(_RECENT)}
    DELIVERIES.tell({(state,): recent.get(state, 0) for state in _STATES})
    due, later, late = (await session.execute(_DUE)).one()
    WAITING.tell({("due",): due, ("later",): later})
    LATE.tell({(): late})
    found = {state: int(number) for state, number in await session.execute(_BY_STATE)}
    ENDPOINTS.tell({(state,): found.get(state, 0) for state in _ENDPOINTS})
