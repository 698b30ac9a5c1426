"""What the dashboards sign in with: their registration at this provider, and the file from which they read it.

Belongs here: `run`, at every start, which makes or mends both. Does not belong here: registrations of other people's
applications (api/oidc), who may see what (policies.py).

The file is `<home>/secrets/dashboards.toml` (mode 0600), in the form of Streamlit's secrets. What is secret in it follows from the
key of the home (nexus/sealing.py): machines that share a database and that key write the same, and sign nobody out.
"""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

from sqlalchemy import select

from api.dashboards import policies
from api.kernel.preconditions import Precondition
from api.kernel.principal import EVERYTHING, EVERYWHERE, Principal
from api.oidc import tokens
from api.oidc.events import SecretRotated
from api.oidc.models import Client
from api.oidc.schemas import ClientIn
from api.oidc.scopes import EMAIL, OPENID, PROFILE
from api.oidc.service import ClientService
from api.organisations.policies import CHECK
from nexus import private_files
from nexus.db import LOCAL_ORGANISATION, Database, Organisation, Session, Tenant
from nexus.sealing import Sealer
from nexus.settings import Settings

NAME = "Nexus dashboards"
SCOPES = (OPENID, PROFILE, EMAIL, CHECK.name, *(p.name for p in policies.ALL))
#: A page asks the API with its visitor's token and cannot renew one. It dies at once with the browser session all the same.
LASTS_SECONDS = 12 * 3600


def run(settings: Settings) -> list[str]:
    """Makes what is missing; says nothing. Does nothing twice."""
    asyncio.run(_run(settings))
    return []


async def _run(settings: Settings) -> None:
    database = Database(settings, pool_size=2)
    try:
        async with database.transaction(Tenant(LOCAL_ORGANISATION)) as session:
            # several processes may start at once: they register one application
            await session.execute(
                select(Organisation.id).where(Organisation.id == LOCAL_ORGANISATION).with_for_update()
            )
            client_id, secret = await _registered(session, registration(settings), Sealer(settings, "dashboards"))
            _write(settings.dashboards_secrets, _auth(settings, client_id, secret))
    finally:
        await database.close()


def registration(settings: Settings) -> ClientIn:
    """The application as it should be registered."""
    callback = f"{settings.dashboards_address}/oauth2callback"
    return ClientIn.model_validate(
        {
            "name": NAME,
            "redirect_uris": [callback],
            # where Streamlit has its visitors sent back to when they have signed out, too
            "post_logout_redirect_uris": [callback],
            "grant_types": ["authorization_code"],
            "scopes": list(SCOPES),
            "is_trusted": True,
            "access_token_seconds": LASTS_SECONDS,
        }
    )


async def _registered(session: Session, wanted: ClientIn, sealer: Sealer) -> tuple[str, str]:
    """Id and secret under which the application is registered now."""
    service = ClientService(session)
    whoever = Principal("local", "local", LOCAL_ORGANISATION, frozenset(), grants={EVERYWHERE: frozenset({EVERYTHING})})
    found = await session.scalar(
        select(Client).where(Client.name == NAME, Client.is_trusted).order_by(Client.created_at).limit(1)
    )
    if found is None:
        found, _ = await service.register(whoever, wanted)
    elif ClientIn.model_validate(found, from_attributes=True, extra="ignore") != wanted:
        await service.change(whoever, found.id, wanted, Precondition(None))
    secret = f"nxk_{sealer.mac(found.id)}"
    if found.secret_hash != tokens.hashed(secret):
        found.secret_hash = tokens.hashed(secret)
        session.record(SecretRotated(client_id=found.id))
    return found.id, secret


def _auth(settings: Settings, client_id: str, secret: str) -> dict[str, Any]:
    return {
        "redirect_uri": registration(settings).redirect_uris[0],
        "cookie_secret": Sealer(settings, "dashboards-cookies").mac(client_id),
        "client_id": client_id,
        "client_secret": secret,
        "server_metadata_url": f"{settings.address}/.well-known/openid-configuration",
        "expose_tokens": ["access"],
        # without a prompt of its own Streamlit asks for `select_account`: a sign-in for whoever is signed in already
        "client_kwargs": {"scope": " ".join(SCOPES), "prompt": ""},
    }


def _write(file: Path, auth: dict[str, Any]) -> None:
    tables = auth.pop("client_kwargs")
    # strings and lists of them: JSON's form of those is TOML's too
    lines = ["[auth]", *(f"{name} = {json.dumps(value)}" for name, value in auth.items())]
    lines += ["[auth.client_kwargs]", *(f"{name} = {json.dumps(value)}" for name, value in tables.items())]
    text = "\n".join(lines) + "\n"
    if not file.exists() or file.read_text() != text:
        private_files.write(file, text)
