"""What follows when a connection vouches for fewer: sessions that began by providers of its organisation end.

Belongs here: that consumer. Does not belong here: changing connections (service.py).
"""

from __future__ import annotations

from api.identity import sessions
from api.identity.models import SessionRow
from api.sso import repository
from api.sso.events import ConnectionChanged, ConnectionRemoved
from nexus.events.consumer import Delivery, consumer


@consumer("sso.end_sessions", "sso.connection.changed", "sso.connection.removed", every_tenant=True)
async def end_sessions(delivery: Delivery) -> None:
    """All of the organisation's, by whichever connection: whoever may still, signs in again without being asked anything."""
    happened, organisation = delivery.event, delivery.recorded.organisation_id
    if isinstance(happened, ConnectionChanged):
        before, after = happened.before, happened.after
        kept = after.is_enabled and set(before.domains) <= set(after.domains) and before.settings == after.settings
        if kept or not before.is_enabled:
            return
    elif not isinstance(happened, ConnectionRemoved):
        return
    for user_id in await repository.signed_in_by(delivery.session, organisation):
        await sessions.end(delivery.session, user_id, "connection_ended", SessionRow.realm == organisation)
