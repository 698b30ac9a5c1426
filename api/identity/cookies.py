"""Cookies of this application: their names, and that no script, no other host and no plain connection gets them.

Belongs here: reading, setting and dropping a cookie. Does not belong here: what is in it.

Over https a cookie is `__Host-…` and Secure: only this host can have set it. Over http, which the guard lets nobody but
this machine use, it has neither: not every browser keeps a Secure cookie of http://127.0.0.1 (docs/adr).
"""

from __future__ import annotations

from datetime import timedelta

from fastapi import Request, Response

#: Names, without their prefix.
SESSION, DEVICE, FORM, RESET = "nexus_session", "nexus_device", "nexus_form", "nexus_reset"


def name(request: Request, base: str) -> str:
    return f"__Host-{base}" if _is_https(request) else base


def _is_https(request: Request) -> bool:
    """Whether the browser came by https: by the request, or by the address under which this application is published."""
    return request.url.scheme == "https" or str(request.app.state.settings.address).startswith("https:")


def read(request: Request, base: str) -> str | None:
    return request.cookies.get(name(request, base))


def put(request: Request, response: Response, base: str, value: str, lasts: timedelta | None = None) -> None:
    """Sets it, until the browser closes or for as long as it `lasts`."""
    response.set_cookie(
        name(request, base),
        value,
        max_age=int(lasts.total_seconds()) if lasts else None,
        path="/",
        secure=_is_https(request),
        httponly=True,
        # lax: a client of elsewhere sends people here to sign in, and finds those who are
        samesite="lax",
    )


def drop(request: Request, response: Response, base: str) -> None:
    response.delete_cookie(name(request, base), path="/", secure=_is_https(request), httponly=True, samesite="lax")
