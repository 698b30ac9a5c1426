"""The router of slices: what happens around an endpoint, inside its transaction.

Belongs here: keeping an answer under its Idempotency-Key before the transaction commits. Does not belong here: what a
dependency can do.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.routing import APIRoute

from api.kernel.idempotency import Replayed, keep


class Route(APIRoute):
    """A route whose answer can be kept with what it did, or replaced by one that was kept."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handler = super().get_route_handler()

        async def handled(request: Request) -> Response:
            try:
                response = await handler(request)
            except Replayed as replayed:
                return replayed.response
            await keep(request, response)
            return response

        return handled


class Router(APIRouter):
    """Router of a slice: `router = Router(prefix="/v1/notes", tags=["notes"], responses=GUARDED)`."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, route_class=Route, **options)
