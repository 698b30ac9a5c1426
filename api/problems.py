"""Errors as problem documents (RFC 9457), translated once.

Belongs here: what a problem looks like and which exception becomes which. Does not belong here: raising them.
A problem never repeats what the caller sent, and a 500 never says what broke: that is in the log.
"""

from __future__ import annotations

import logging
from typing import Any

import asyncpg
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm.exc import StaleDataError
from starlette.exceptions import HTTPException
from starlette.routing import Match
from starlette.types import Scope

from nexus.db.refusals import refusal
from nexus.errors import NexusError
from nexus.telemetry import context
from nexus.trouble import machine_error

MEDIA_TYPE = "application/problem+json"
_TITLES = {
    400: "The request cannot be read",
    401: "A token is needed",
    403: "Not allowed",
    404: "Not found",
    405: "Method not allowed",
    408: "The request took too long",
    409: "Conflict",
    412: "It has changed",
    413: "The request is too large",
    422: "The request cannot be used",
    428: "A condition is needed",
    429: "Too many requests",
    500: "Something broke",
    503: "Not available now",
}
_CODES = {
    400: "unreadable",
    401: "unauthenticated",
    403: "forbidden",
    404: "not_found",
    405: "method_not_allowed",
    408: "timeout",
    413: "too_large",
}
_log = logging.getLogger("nexus.api")


class ProblemItem(BaseModel):
    """One of several things that are wrong."""

    code: str = Field(examples=["unknown_customer"])
    detail: str = Field(examples=["workspace 'demo' has no customer 'cus_404'"])
    pointer: str | None = Field(default=None, description="JSON pointer into the request, `#/…`")
    value: str | None = Field(default=None, description="the id that it is about")


class Problem(BaseModel):
    """RFC 9457."""

    type: str = Field(examples=["urn:nexus:problem:unknown_customer"])
    title: str = Field(examples=["Not found"])
    status: int = Field(examples=[404])
    detail: str
    instance: str = Field(description="path of the request")
    code: str = Field(description="stable, for programs", examples=["unknown_customer"])
    remedy: str | None = Field(default=None, description="what to do next")
    errors: list[ProblemItem] | None = None
    trace_id: str | None = Field(default=None, description="tell it to whoever runs Nexus")


class ProblemError(NexusError):
    """Raised by slices that have several things to say at once."""

    def __init__(
        self, status: int, code: str, message: str, *, errors: list[ProblemItem], remedy: str | None = None
    ) -> None:
        super().__init__(message, remedy=remedy)
        self.status = status  # type: ignore[misc]
        self.code = code  # type: ignore[misc]
        self.errors = errors


def _documented(*statuses: int) -> dict[int | str, dict[str, Any]]:
    schema = {"schema": {"$ref": "#/components/schemas/Problem"}}
    return {s: {"model": Problem, "description": _TITLES[s], "content": {MEDIA_TYPE: schema}} for s in statuses}


#: What any endpoint may answer besides its own.
RESPONSES = _documented(400, 422, 500)
#: What an endpoint behind a token may answer.
GUARDED = _documented(401, 403, 404, 503)
#: What an endpoint with a precondition may answer.
CHANGED = _documented(409, 412)
#: What an endpoint with an Idempotency-Key may answer.
CREATED = _documented(409)
#: What an endpoint with a limit may answer.
LIMITED = _documented(429)


def problem(
    status: int, code: str, detail: str, path: str, *,
    remedy: str | None = None, errors: list[ProblemItem] | None = None, headers: dict[str, str] | None = None,
) -> JSONResponse:  # fmt: skip
    """The response."""
    now = context.current()
    content = Problem(
        type=f"urn:nexus:problem:{code}", title=_TITLES.get(status, "Error"), status=status, detail=detail,
        instance=path, code=code, remedy=remedy, errors=errors, trace_id=now.trace_id if now else None,
    ).model_dump(exclude_none=True)  # fmt: skip
    return JSONResponse(content, status, headers=headers, media_type=MEDIA_TYPE)


def install(app: FastAPI) -> None:
    """Makes `app` answer problems for everything that goes wrong."""

    @app.exception_handler(NexusError)
    async def ours(request: Request, error: NexusError) -> JSONResponse:
        if error.status >= 500:
            _log.warning("%s %s: %s", request.method, request.url.path, error)
        headers = dict(getattr(error, "headers", None) or {})
        if error.status == 401:
            headers.setdefault("WWW-Authenticate", 'Bearer realm="nexus"')
        return problem(
            error.status, error.code, error.message, request.url.path,
            remedy=error.remedy, errors=getattr(error, "errors", None), headers=headers,
        )  # fmt: skip

    @app.exception_handler(RequestValidationError)
    async def invalid(request: Request, error: RequestValidationError) -> JSONResponse:
        found = error.errors()
        errors = [
            ProblemItem(code=str(e["type"]), detail=str(e["msg"]), pointer=_pointer(e["loc"])) for e in found[:50]
        ]
        if any(e["type"] == "json_invalid" for e in found):
            return problem(400, "unreadable", "the body is not JSON", request.url.path, errors=errors)
        detail = "; ".join(f"{e.pointer}: {e.detail}" for e in errors[:3])
        return problem(422, "invalid_input", detail, request.url.path, errors=errors)

    @app.exception_handler(HTTPException)
    async def http(request: Request, error: HTTPException) -> JSONResponse:
        headers = dict(error.headers or {})
        detail = str(error.detail)
        if error.status_code == 405:
            allowed = allowed_methods(app, request.scope)
            headers["Allow"] = ", ".join(allowed)
            detail = f"{request.method} is not possible here; possible: {', '.join(allowed)}"
        elif error.status_code == 404:
            detail = f"there is nothing at {request.url.path}"
        code = _CODES.get(error.status_code, "error")
        remedy = "see /docs for what there is" if error.status_code in {404, 405} else None
        return problem(error.status_code, code, detail, request.url.path, remedy=remedy, headers=headers)

    @app.exception_handler(DBAPIError)
    @app.exception_handler(asyncpg.PostgresError)
    @app.exception_handler(StaleDataError)
    async def refused(request: Request, error: Exception) -> JSONResponse:
        if lost := refusal(error):
            return await ours(request, lost)
        raise error


def broken(request: Request, error: Exception) -> JSONResponse:
    """What is answered when something fails that nobody has foreseen."""
    if found := machine_error(error):
        _log.warning("%s %s: %s", request.method, request.url.path, found)
        # which file or server it was is for the log alone
        return problem(found.status, found.code, "the machine lacks something just now", request.url.path,
                       remedy="try again; the operator's log says what is missing")  # fmt: skip
    _log.error("%s %s failed", request.method, request.url.path, exc_info=error)
    return problem(500, "internal", "this is a mistake in Nexus; the log says more", request.url.path)


def allowed_methods(app: FastAPI, scope: Scope) -> list[str]:
    """Every method that some route offers at this path; the framework itself names only the first route's, or none.

    One that takes whatever path there is, to say that there is nothing, offers nothing where another does.
    """
    found: dict[bool, set[str]] = {True: set(), False: set()}
    for route in app.state.routes:
        match, _ = route.matches(scope)
        if match is not Match.NONE:
            found[getattr(route, "path", "").endswith(":path}")] |= set(getattr(route, "methods", None) or ())
    return sorted(found[False] or found[True])


def _pointer(location: tuple[Any, ...] | list[Any]) -> str:
    first, *rest = location
    parts = rest if first == "body" else [first, *rest]
    return "#/" + "/".join(str(p).replace("~", "~0").replace("/", "~1") for p in parts)
