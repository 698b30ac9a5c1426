"""What the pages of second factors share: their router, whose page it is, what an app reads."""

from __future__ import annotations

from typing import Annotated

import segno
from fastapi import Form, Request

from api.identity import directory
from api.identity.forms import from_our_page
from api.identity.sessions import BrowserSession
from api.kernel.idempotency import unkeyed
from api.kernel.permissions import public
from api.kernel.routing import Router
from api.mfa import service
from api.mfa.passkeys import Site
from nexus.db import Session

router = Router(include_in_schema=False, dependencies=[public("pages ask for a session, or for the first half of one")])
FORM = [from_our_page, unkeyed("a form of a page, not a call of the API")]
Answer = Annotated[str, Form(max_length=20_000)]


def pictured(waiting: service.Enrolment) -> tuple[str, str]:
    """The picture that an app reads, and the secret in groups of four."""
    picture = segno.make(waiting.uri, error="m").svg_data_uri(scale=5, light="white", border=3)
    return picture, " ".join(waiting.secret[i : i + 4] for i in range(0, len(waiting.secret), 4))


async def person(session: Session, here: BrowserSession) -> directory.Person:
    found = await directory.user(session, here.user_id)
    assert found is not None
    return found


def named(request: Request) -> str:
    """This page under a name for which a browser makes passkeys."""
    return str(request.url.replace(hostname="localhost", query="")) if Site.of(request) is None else ""
