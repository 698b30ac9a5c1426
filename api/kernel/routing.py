"""The router of slices: what happens around an endpoint, inside its transaction.

Belongs here: which path an endpoint has, how its body is read, keeping an answer under its Idempotency-Key before the
transaction commits, what every answer of it says. Does not belong here: what a dependency can do.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Coroutine, Iterable, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

from fastapi import APIRouter, Request, Response, params
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute
from starlette.routing import BaseRoute, Match
from starlette.types import Receive, Scope, Send

from api.kernel import deprecation, short
from api.kernel.bodies import UnreadRequest, exact
from api.kernel.compared import plan_of
from api.kernel.idempotency import Replayed, keep
from api.kernel.permissions import counting
from api.kernel.short import Kept
from api.kernel.transactions import direct
from api.problems import RESPONSES
from nexus.db.at_once import Again

if TYPE_CHECKING:
    from api.kernel.plan import Plan


class Route(APIRoute):
    """A route whose answer can be kept with what it did, or replaced by one that was kept."""

    def __init__(
        self, path: str, endpoint: Callable[..., Any], *, dependencies: Sequence[params.Depends] | None = None,
        responses: dict[int | str, dict[str, Any]] | None = None, **options: Any,
    ) -> None:  # fmt: skip
        self._is_exact = exact(endpoint)
        self._deprecation = deprecation.declared(dependencies or ())
        if self._deprecation is not None:
            responses = self._deprecation.documented(responses or {}, options.get("status_code") or 200)
            options["deprecated"] = True
        super().__init__(path, endpoint, dependencies=dependencies, responses=responses, **options)
        #: whether it may go the short way: it can be answered twice, since nothing of it is read but its JSON
        self.is_direct = (self._is_exact or self.body_field is None) and _asks(self.dependant, direct)
        if path.startswith("/v1/"):
            # `{id}:verb` is a path of its own: no `{id}` of ours has a colon
            self.path_regex = re.compile(self.path_regex.pattern.replace("[^/]+", "[^/:]+"))

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        framework = super().get_route_handler()

        async def handled(request: Request) -> Response:
            if self._is_exact:
                request = UnreadRequest(request.scope, request.receive)
            elif self.is_direct:
                request = Kept(request.scope, request.receive)
            plan = self._plan
            handler = plan.answer if plan is not None and plan.takes(request) else framework
            try:
                response = await handler(request)
            except Replayed as replayed:
                return replayed.response
            except Exception:
                await short.settle(request)
                raise
            await keep(request, response)
            return response

        return handled

    @cached_property
    def _plan(self) -> Plan | None:
        return plan_of(self, self._is_exact) if self.is_direct else None

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self._deprecation is not None:
            send = self._deprecation.telling(send)
        if not self.is_direct:
            await super().handle(scope, receive, counting(scope, send))
            return
        first = dict(scope)
        try:
            await super().handle(scope, receive, counting(scope, send))
        except Again:
            scope = short.turned_round(scope, first)
            await super().handle(scope, receive, counting(scope, send))


def _asks(dependant: Dependant, call: Callable[..., Any]) -> bool:
    return dependant.call is call or any(_asks(below, call) for below in dependant.dependencies)


class Router(APIRouter):
    """Router of a slice: `router = Router(prefix="/v1/notes", tags=["notes"], responses=GUARDED)`.

    The name of an endpoint's function is its `operationId`: no two have the same.
    """

    def __init__(self, *args: Any, responses: dict[int | str, dict[str, Any]] | None = None, **options: Any) -> None:
        super().__init__(
            *args, route_class=Route, responses={**RESPONSES, **(responses or {})},
            generate_unique_id_function=lambda route: route.name, **options,
        )  # fmt: skip


class Index(BaseRoute):
    """Finds a route by the beginning of its path, where the framework would try every one of every slice in turn.

    Whatever it does not find is looked for in the usual way: other methods, slashes too many, what is not there.
    """

    def __init__(self, routes: Iterable[BaseRoute]) -> None:
        self._routes: dict[str, list[APIRoute]] = {}
        for route in routes:
            if isinstance(route, APIRoute) and "{" not in (start := _start(route.path)):
                self._routes.setdefault(start, []).append(route)

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        for route in self._routes.get(_start(scope["path"]), ()) if scope["type"] == "http" else ():
            match, found = route.matches(scope)
            if match is Match.FULL:
                return match, found
        return Match.NONE, {}

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        await scope["route"].handle(scope, receive, send)


def _start(path: str) -> str:
    """`/v1/notes` of `/v1/notes/{note_id}`."""
    second = path.find("/", path.find("/", 1) + 1)
    return path if second <= 0 else path[:second]
