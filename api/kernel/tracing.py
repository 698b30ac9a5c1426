"""The outermost of what runs inside the guard: a trace for every request, and an answer whatever breaks.

Belongs here: beginning a trace context, the last resort. Does not belong here: problem documents (api/problems.py).
"""

from __future__ import annotations

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.problems import broken
from nexus.telemetry import context


class Traced:
    """Pure ASGI. The trace goes on from the caller's `traceparent`; its id stands in every problem document."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        begun = context.begin(Headers(scope=scope).get("traceparent"))
        token = context.set_current(begun)
        started = False

        async def noted(message: Message) -> None:
            nonlocal started
            started = started or message["type"] == "http.response.start"
            await send(message)

        try:
            await self._app(scope, receive, noted)
        except Exception as error:
            # the framework would answer and raise again: the server then drops a connection that is in good order
            if started:
                raise
            await broken(Request(scope), error)(scope, receive, send)
        finally:
            context.reset(token)
