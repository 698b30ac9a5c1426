"""The outermost of what runs inside the guard: a span and a count for every request, and an answer whatever breaks.

Belongs here: beginning and ending what is measured, the last resort. Does not belong here: problem documents
(api/problems.py), where spans go (nexus/telemetry).
"""

from __future__ import annotations

import time
from functools import lru_cache
from typing import Any

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.kernel.starting import starting
from api.problems import broken
from nexus.telemetry import context, metrics, spans

_METHODS = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}


class Traced:
    """Pure ASGI. The trace goes on from the caller's `traceparent`; its id stands in every problem document."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        begun = context.begin(Headers(scope=scope).get("traceparent"))
        begun.sink = scope["app"].state.spans.waiting
        token = context.set_current(begun)
        began = time.perf_counter()
        status = 0

        def note(message: Message) -> None:
            nonlocal status
            status = message["status"]

        noted = starting(send, note)
        try:
            with spans.span("request", "server", "api") as made:
                try:
                    await self._app(scope, receive, noted)
                except Exception as error:
                    # the framework would answer and raise again: the server then drops a connection that is in good order
                    if status:
                        raise
                    await broken(Request(scope), error)(scope, receive, noted)
                finally:
                    method = scope["method"] if scope["method"] in _METHODS else "other"
                    # what a caller made up is no label: their number must be bounded
                    route = getattr(scope.get("route"), "path", None) or "unmatched"
                    made.name = f"{method} {route}"
                    made.attributes["http.response.status_code"] = status
                    made.is_error = status >= 500
        finally:
            context.reset(token)
            count, duration = _metrics(method, route, status)
            count.inc()
            duration.observe(time.perf_counter() - began)


@lru_cache(maxsize=4096)
def _metrics(method: str, route: str, status: int) -> tuple[Any, Any]:
    return metrics.REQUESTS.labels(method, route, str(status)), metrics.DURATION.labels(method, route)
