"""Forms that only the browser session for which they were made can send."""

from __future__ import annotations

from authlib.oauth2.rfc6749.errors import InvalidRequestError
from fastapi import Request

from api.identity.sessions import BrowserSession
from api.oidc.flow.requests import FORM, parsed
from api.oidc.provider import Provider
from nexus.errors import NexusError, Permanent


class ForgedFormError(NexusError, Permanent):
    """It was not made here for this browser session: somebody else's page has sent it, or the session is another by now."""

    exit_code, status, code = 2, 403, "form_refused"


def sealed(provider: Provider, here: BrowserSession, purpose: str, **said: str) -> list[tuple[str, str]]:
    """Hidden fields: what the form says, and the proof that it was made for this session."""
    return [*sorted(said.items()), ("proof", provider.forms.mac(_text(here, purpose, said)))]


async def sent(request: Request, provider: Provider, here: BrowserSession, purpose: str, *names: str) -> dict[str, str]:
    """What such a form says, with its `decision`. Raises ForgedFormError."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    try:
        said = dict(parsed(await request.body())) if kind == FORM else {}
    except InvalidRequestError:
        said = {}
    fields = {name: said.get(name, "") for name in names}
    if not provider.forms.verify(_text(here, purpose, fields), said.get("proof", "")):
        raise ForgedFormError("this form was not made for you", remedy="go back, load the page again, and send it anew")
    return {**fields, "decision": said.get("decision", "")}


def _text(here: BrowserSession, purpose: str, said: dict[str, str]) -> str:
    return "\n".join([purpose, here.id, *(f"{len(value)}:{name}={value}" for name, value in sorted(said.items()))])
