"""What follows when a browser session, a user, a membership or an organisation ends: their grants are revoked, and applications are told.

Belongs here: the consumers. Does not belong here: that tokens die at once, which does not wait for them (lives.py); calling an
application (jobs.py).
"""

from __future__ import annotations

from api.identity.events import PasswordChanged, SessionRevoked, UserDeactivated
from api.identity.sessions import PASSWORD_CHANGED
from api.oidc.consents import WITHDRAWN
from api.oidc.events import GrantOutlives, GrantRevoked
from api.oidc.flow.server import revoke
from api.oidc.models import Grant
from api.oidc.repository import grants as rows
from api.organisations.events import MemberChanged, MemberRemoved, OrganisationClosed
from nexus import jobs
from nexus.db import Tenant
from nexus.events.consumer import Delivery, consumer

#: Why a grant ends because whoever gave it is no longer signed in; other ends are the application's own, or its removal.
ENDS_SESSION = {
    "signed_out", PASSWORD_CHANGED, WITHDRAWN, "user_deactivated", "member_suspended", "member_removed", "deprovisioned",
    "erased",
}  # fmt: skip


@consumer(
    "oidc.end_grants",
    "identity.session.revoked",
    "identity.user.deactivated",
    "identity.user.password_changed",
    "organisations.organisation.closed",
    "organisations.member.changed",
    "organisations.member.removed",
    replayable=True,
    every_tenant=True,
)
async def end_grants(delivery: Delivery) -> None:
    happened = delivery.event
    if isinstance(happened, UserDeactivated):
        await revoke(delivery.session, "user_deactivated", Grant.user_id == happened.user_id)
    if isinstance(happened, PasswordChanged):
        theirs = Grant.user_id == happened.user_id
        await revoke(delivery.session, PASSWORD_CHANGED, theirs, Grant.is_offline.is_(True), rows.of_before())
    if isinstance(happened, OrganisationClosed):
        await revoke(delivery.session, "organisation_closed", Grant.organisation_id == happened.organisation_id)
    if isinstance(happened, MemberChanged) and happened.after.status != "active":
        await _end_membership(delivery, happened.after.user_id, "member_suspended")
    if isinstance(happened, MemberRemoved):
        await _end_membership(delivery, happened.before.user_id, "member_removed")
    if isinstance(happened, SessionRevoked):
        await revoke(delivery.session, "signed_out", Grant.session_id == happened.session_id, ~Grant.is_offline)
        if not delivery.is_replay:
            for grant in await rows.outliving(delivery.session, happened.session_id):
                told = GrantOutlives(
                    grant_id=grant.id,
                    client_id=grant.client_id,
                    user_id=happened.user_id,
                    session_id=happened.session_id,
                )
                delivery.session.record(told, tenant=Tenant(grant.organisation_id))


async def _end_membership(delivery: Delivery, user_id: str, because: str) -> None:
    """Whoever comes back begins anew: what was given before opens nothing then, and what was given since goes on."""
    where, at = delivery.recorded.organisation_id, delivery.recorded.recorded_at
    theirs = (Grant.user_id == user_id, Grant.organisation_id == where, Grant.created_at <= at)
    await revoke(delivery.session, because, *theirs)


@consumer("oidc.tell_clients", "oidc.grant.revoked", "oidc.grant.outlived", every_tenant=True)
async def tell_clients(delivery: Delivery) -> None:
    """Begins a job for each call (jobs.py): one that is not answered would keep everybody's later events waiting."""
    happened = delivery.event
    assert isinstance(happened, GrantRevoked | GrantOutlives)
    client = await rows.client(delivery.session, happened.client_id)
    ends_session = isinstance(happened, GrantOutlives) or happened.because in ENDS_SESSION
    if not ends_session or client is None or client.backchannel_logout_uri is None or delivery.is_replay:
        return
    if happened.user_id is None or happened.session_id is None:
        return
    said = {"client_id": client.id, "user_id": happened.user_id, "session_id": happened.session_id}
    await jobs.begin(delivery.session, "oidc.tell_client", said, by="oidc.tell_clients", share=client.id)
