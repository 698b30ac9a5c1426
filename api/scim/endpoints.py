"""HTTP of provisioning: `/scim/v2/…` (RFC 7644), for the organisation whose key asks.

Belongs here: routes, and that whatever goes wrong is told in SCIM's own shape. Does not belong here: the protocol
(scim2-server), rules (users.py, groups.py).

The endpoints are described by `/scim/v2/Schemas`, and in the OpenAPI document by what that says (described.py).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Coroutine
from http import HTTPStatus
from typing import Any

import orjson
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from scim2_models import Error, SCIMException
from scim2_server.handler import AsyncScimHandler
from scim2_server.requests import ScimRequest
from scim2_server.responses import SCIM_MEDIA_TYPE, ScimResponse
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm.exc import StaleDataError

from api.kernel.idempotency import unkeyed
from api.kernel.permissions import public
from api.kernel.routing import Router
from api.problems import broken
from api.scim import described, liberties
from api.scim.policies import Provisioner
from api.scim.provider import PATH, SERVICE
from api.scim.storage import Nothing, Storage
from api.scim.transactions import ScimTransaction
from nexus.db.refusals import refusal
from nexus.errors import NexusError
from nexus.settings import Settings

_OWN_RULES = unkeyed("SCIM has no idempotency keys: a name or an id that is taken is told by 409")


class RefusedError(Exception):
    """Carries whatever went wrong past the transaction, which it rolls back, to where it is told in SCIM's shape."""

    def __init__(self, because: Exception) -> None:
        super().__init__(str(because))
        self.because = because


class ScimRoute(APIRoute):
    """A route whose errors are those of RFC 7644, 3.12."""

    def __init__(self, path: str, endpoint: Callable[..., Any], **options: Any) -> None:
        super().__init__(path, endpoint, **options)
        if path.endswith("/{id}"):
            # `.search` is a path of its own: no id begins with a dot
            self.path_regex = re.compile(self.path_regex.pattern.replace("[^/]+", "[^/.][^/]*"))

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handler = super().get_route_handler()

        async def handled(request: Request) -> Response:
            try:
                return await handler(request)
            except Exception as error:
                # an answer made here would commit: the transaction ends outside
                raise RefusedError(error) from error

        return handled


router = Router(prefix=PATH, tags=["scim"])
router.route_class = ScimRoute


async def provision(request: Request, caller: Provisioner, session: ScimTransaction) -> Response:
    """Users and Groups, one or many."""
    handler = AsyncScimHandler(SERVICE, Storage(session, caller))
    return _sent(await handler.handle(await _asked(request)))


async def discover(request: Request) -> Response:
    """What there is: /ServiceProviderConfig, /ResourceTypes, /Schemas; and that there is nothing anywhere else."""
    if request.method != "POST" and request.url.path.endswith("/.search"):
        return _error(405, "a search is posted", {"Allow": "POST"})
    return _sent(await AsyncScimHandler(SERVICE, Nothing()).handle(await _asked(request)))


_EVERYBODY = [public("what a SCIM service can do is told to everybody (RFC 7643, 5)"), _OWN_RULES]
for kind in (described.USERS, described.GROUPS):
    for method, below, said in described.operations(kind):
        router.add_api_route(
            f"/{kind.name}s{below}",
            provision,
            methods=[method],
            dependencies=[_OWN_RULES] if method == "POST" else [],
            **said,
        )
for path, said in described.discovery():
    router.add_api_route(path, discover, methods=["GET"], dependencies=_EVERYBODY, **said)
router.add_api_route(
    "/{rest:path}", discover, methods=["GET", "POST", "PUT", "PATCH", "DELETE"], dependencies=_EVERYBODY,
    include_in_schema=False,
)  # fmt: skip


def start(app: FastAPI, _: Settings) -> None:
    @app.exception_handler(RefusedError)
    async def answered(request: Request, error: RefusedError) -> Response:
        return refused(request, error.because)


async def _asked(request: Request) -> ScimRequest:
    address = str(request.app.state.settings.address).rstrip("/")
    body = await request.body()
    return ScimRequest(
        method=request.method,
        base_url=address + PATH,
        path=request.url.path.removeprefix(PATH),
        query=dict(request.query_params),
        headers=list(request.headers.items()),
        body=liberties.plain(body) if request.method == "PATCH" else body,
    )


def _sent(answer: ScimResponse) -> Response:
    body = b"" if answer.body is None else orjson.dumps(answer.body, default=str)
    headers = {"Cache-Control": "no-store", **answer.headers}
    if answer.body is None:
        headers.pop("Content-Type", None)
    return Response(body, int(answer.status), headers=headers)


def refused(request: Request, error: Exception) -> Response:
    """The error in SCIM's shape, with the status that it has everywhere else."""
    if isinstance(error, DBAPIError | StaleDataError):
        error = refusal(error) or error
    if isinstance(error, SCIMException):
        return _sent(SERVICE.error_response(error))
    if isinstance(error, NexusError):
        told = f"{error.message}: {error.remedy}" if error.remedy else error.message
        return _error(error.status, told, dict(getattr(error, "headers", None) or {}))
    if isinstance(error, RequestValidationError):
        return _error(400, "; ".join(str(e["msg"]) for e in error.errors()[:3]))
    answer = broken(request, error)
    return _error(answer.status_code, "the machine lacks something just now" if answer.status_code == 503 else "broken")


def _error(status: int, told: str, headers: dict[str, str] | None = None) -> Response:
    headers = headers or {}
    if status == HTTPStatus.UNAUTHORIZED:
        headers.setdefault("WWW-Authenticate", 'Bearer realm="SCIM"')
    # 422 is none of SCIM's: the request cannot be used, whatever the reason
    is_input = status == HTTPStatus.UNPROCESSABLE_ENTITY
    said = Error(status=400 if is_input else status, detail=told, scim_type="invalidValue" if is_input else None)
    body = orjson.dumps(said.model_dump())
    return Response(body, said.status or status, media_type=SCIM_MEDIA_TYPE, headers=headers)
