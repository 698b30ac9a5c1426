"""What follows when a browser session, a user or an organisation ends: their grants are revoked, and applications are told.

Belongs here: the consumers. Does not belong here: that tokens die at once, which does not wait for them (lives.py).
"""

from __future__ import annotations

from datetime import timedelta

from api.identity.events import PasswordChanged, SessionRevoked, UserDeactivated
from api.identity.sessions import PASSWORD_CHANGED
from api.oidc.consents import WITHDRAWN
from api.oidc.events import GrantOutlives, GrantRevoked
from api.oidc.flow.server import revoke
from api.oidc.keys import ring_of
from api.oidc.models import Grant
from api.oidc.repository import grants as rows
from api.oidc.tokens import Issuer
from api.organisations.events import OrganisationClosed
from nexus import egress
from nexus.db import Tenant
from nexus.errors import ProviderError
from nexus.events.consumer import Delivery, consumer
from nexus.sealing import Sealer
from nexus.settings import get_settings

PATIENCE = 5.0
#: Why a grant ends because whoever gave it is no longer signed in; other ends are the application's own, or its removal.
ENDS_SESSION = {"signed_out", PASSWORD_CHANGED, WITHDRAWN, "user_deactivated", "deprovisioned", "erased"}


@consumer(
    "oidc.end_grants",
    "identity.session.revoked",
    "identity.user.deactivated",
    "identity.user.password_changed",
    "organisations.organisation.closed",
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


@consumer(
    "oidc.tell_clients", "oidc.grant.revoked", "oidc.grant.outlived", every_tenant=True, timeout=timedelta(seconds=15)
)
async def tell_clients(delivery: Delivery) -> None:
    """Back-Channel Logout 1.0: before the commit, since being told twice does no harm, and never does."""
    happened = delivery.event
    assert isinstance(happened, GrantRevoked | GrantOutlives)
    client = await rows.client(delivery.session, happened.client_id)
    ends_session = isinstance(happened, GrantOutlives) or happened.because in ENDS_SESSION
    if not ends_session or client is None or client.backchannel_logout_uri is None or delivery.is_replay:
        return
    if happened.user_id is None or happened.session_id is None:
        return
    settings = get_settings()
    issuer = Issuer(settings.address, await ring_of(delivery.session, Sealer(settings, "oidc-signing-key")))
    token = issuer.logout_token(client, happened.user_id, happened.session_id)
    try:
        async with egress.client(settings, within=PATIENCE) as http:
            answer = await egress.ask(http, "POST", client.backchannel_logout_uri, data={"logout_token": token}, most=0)
    except ProviderError as error:
        raise ProviderError(
            f"{client.id} cannot be told of a sign-out: {error.message}",
            remedy="is its backchannel_logout_uri right, and does it answer?",
        ) from None
    # 400 says that the client could not make use of it: again would not help
    if answer.status >= 500:
        raise ProviderError(
            f"{client.id} answers a sign-out with {answer.status}", remedy="it is tried again by itself"
        )
