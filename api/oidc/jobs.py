"""Telling an application that somebody is signed out: a job for each call, which nothing else waits for.

Belongs here: the call. Does not belong here: who is to be told of what (consumers.py).
"""

from __future__ import annotations

from datetime import timedelta

from api.oidc.keys import ring_of
from api.oidc.repository import grants as rows
from api.oidc.tokens import Issuer
from nexus import egress
from nexus.errors import ProviderError
from nexus.jobs import PAUSES, Work, job
from nexus.sealing import Sealer
from nexus.settings import get_settings

PATIENCE = 5.0


@job("oidc.tell_client", pauses=(*PAUSES, timedelta(hours=1)), timeout=timedelta(seconds=30))
async def tell_client(work: Work) -> None:
    """Back-Channel Logout 1.0. Being told twice does no harm, and never does; an application that is gone is not told."""
    settings = get_settings()
    async with work.system() as session:
        client = await rows.client(session, work.arguments["client_id"])
        if client is None or client.backchannel_logout_uri is None:
            return
        issuer = Issuer(settings.address, await ring_of(session, Sealer(settings, "oidc-signing-key")))
    token = issuer.logout_token(client, work.arguments["user_id"], work.arguments["session_id"])
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
