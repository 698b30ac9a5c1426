"""What a connection needs before anybody can sign in by it, looked at one by one.

Belongs here: `:test`. Does not belong here: what is refused when it is changed (service.py).
"""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator, Collection
from datetime import UTC, datetime, timedelta

from cryptography import x509

from api.sso import service
from api.sso.models import Connection
from api.sso.oidc import Providers
from api.sso.schemas import Finding, TestedOut
from nexus.errors import NexusError
from nexus.settings import Settings

#: Certificates that run out sooner are told of.
SOON = timedelta(days=30)


async def findings(providers: Providers, settings: Settings, row: Connection, proved: Collection[str]) -> TestedOut:
    """Asks the provider for its description where it speaks OpenID Connect. Raises nothing: what fails is a finding."""
    looked_at = [_enabled(row), _domains(row, proved), _people(row), _sealed(settings, row)]
    if row.kind == "oidc":
        looked_at += [finding async for finding in _oidc(providers, row)]
    else:
        looked_at += [_certificate(number, text) for number, text in enumerate(row.settings["certificates"], 1)]
    return TestedOut(is_ready=all(f.is_right for f in looked_at), findings=looked_at)


def _enabled(row: Connection) -> Finding:
    said = "enabled" if row.is_enabled else "not enabled: nobody is led there"
    return Finding(
        what="the connection", is_right=row.is_enabled, said=said, remedy=_or("set is_enabled", row.is_enabled)
    )


def _domains(row: Connection, proved: Collection[str]) -> Finding:
    what, lost = "its domains", sorted(set(row.domains) - set(proved))
    if not row.domains:
        return Finding(what=what, is_right=False, said="none: it speaks for nobody", remedy="add a proved domain")
    if lost:
        return Finding(what=what, is_right=False, said=f"{lost[0]} is not proved (any more)", remedy="verify it again")
    return Finding(what=what, is_right=True, said=", ".join(row.domains))


def _people(row: Connection) -> Finding:
    said = "whoever is new becomes a member" if row.is_provisioning else "members alone get in: invite them first"
    return Finding(what="its people", is_right=True, said=said)


def _sealed(settings: Settings, row: Connection) -> Finding:
    what = "our secret" if row.kind == "oidc" else "our key"
    try:
        found = service.secret(settings, row)
    except NexusError as error:
        return Finding(what=what, is_right=False, said=str(error.message), remedy="give the secret again")
    return Finding(
        what=what, is_right=True, said="kept, sealed" if found else "none: as a public client, by PKCE alone"
    )


async def _oidc(providers: Providers, row: Connection) -> AsyncIterator[Finding]:
    issuer, what = row.settings["issuer"], "the provider's description"
    try:
        found = await providers.renewed(issuer)
        where = [found.at(name) for name in ("authorization_endpoint", "token_endpoint", "jwks_uri")]
    except NexusError as error:
        remedy = error.remedy or "is the issuer right, and may Nexus call it (docs/egress.md)?"
        yield Finding(what=what, is_right=False, said=str(error.message), remedy=remedy)
        return
    yield Finding(what=what, is_right=True, said=f"found; it signs people in at {where[0]}")
    number = len(list(found.keys))
    yield Finding(
        what="the provider's keys", is_right=number > 0, said=f"{number} that can sign",
        remedy=_or("the provider must publish a public key", number > 0),
    )  # fmt: skip
    methods = found.said.get("code_challenge_methods_supported")
    has_pkce = methods is None or "S256" in methods
    yield Finding(
        what="PKCE", is_right=has_pkce, said="S256" if methods and has_pkce else "not said" if has_pkce else "not by S256",
        remedy=_or("the provider must take code challenges by S256", has_pkce),
    )  # fmt: skip


def _certificate(number: int, text: str) -> Finding:
    ends = x509.load_der_x509_certificate(base64.b64decode(text)).not_valid_after_utc
    left = ends - datetime.now(UTC)
    return Finding(
        what=f"certificate {number} of the provider", is_right=left > timedelta(0), said=f"runs out on {ends:%Y-%m-%d}",
        remedy=_or("add the provider's next certificate beside it", left > SOON),
    )  # fmt: skip


def _or(remedy: str, is_right: bool) -> str | None:
    return None if is_right else remedy
