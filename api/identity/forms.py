"""Forms come from our own pages: what a page of elsewhere makes a browser send is refused.

Belongs here: the token of a form and the check of where it comes from. Does not belong here: what a form says.

Two checks, either of which would do: the browser's own word (`Origin`, else `Sec-Fetch-Site`), and a token that only a page
of ours can have read, made of a secret of this browser and of its session. Other ports of this machine are "the same site"
to a browser, so SameSite alone does not help against them.
"""

from __future__ import annotations

import hmac
from typing import Annotated, Any
from urllib.parse import urlsplit

from fastapi import Depends, Form, Request, Response

from api.identity import cookies
from api.identity.sessions import new_secret
from nexus.errors import NexusError, Permanent
from nexus.sealing import Sealer

FIELD = "form_token"


class ForeignFormError(NexusError, Permanent):
    exit_code, status, code = 2, 403, "foreign_form"

    def __init__(self, why: str) -> None:
        super().__init__(why, remedy="open the page again and send the form from there; cookies must be allowed")


def token(request: Request, response_cookies: dict[str, str]) -> str:
    """The token for a form of this page. A secret that the browser still needs is put into `response_cookies`."""
    secret = cookies.read(request, cookies.FORM) or response_cookies.setdefault(cookies.FORM, new_secret())
    return _sealer(request).mac(f"{secret}/{cookies.read(request, cookies.SESSION) or ''}")


async def _checked(request: Request, form_token: Annotated[str, Form(max_length=200)] = "") -> None:
    """Raises ForeignFormError."""
    origin, site = request.headers.get("origin"), request.headers.get("sec-fetch-site")
    if origin is not None:
        if origin not in origins(request):
            raise ForeignFormError("the form was sent from a page of elsewhere")
    elif site is not None and site not in {"same-origin", "none"}:
        raise ForeignFormError("the form was sent from a page of elsewhere")
    secret = cookies.read(request, cookies.FORM)
    expected = token(request, {}) if secret else ""
    if not secret or not hmac.compare_digest(expected.encode(), form_token.encode()):
        raise ForeignFormError("the form is not one of this browser's, or no longer")


#: `dependencies=[from_our_page]` of every route that a form is sent to.
from_our_page: Any = Depends(_checked)


def set_cookies(request: Request, response: Response, values: dict[str, str]) -> None:
    for base, value in values.items():
        cookies.put(request, response, base, value)


def origins(request: Request) -> set[str]:
    """How this application is called: as the request says (the guard has checked its Host), and as it is published."""
    published = urlsplit(request.app.state.settings.address)
    return {f"{request.url.scheme}://{request.url.netloc}", f"{published.scheme}://{published.netloc}"}


def _sealer(request: Request) -> Sealer:
    """Kept with the application: deriving its key for every form would be waste."""
    state = request.app.state
    if not hasattr(state, "form_sealer"):
        state.form_sealer = Sealer(state.settings, "identity/form")
    found: Sealer = state.form_sealer
    return found
