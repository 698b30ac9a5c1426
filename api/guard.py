"""What every request passes first: this machine only, and headers that keep a browser safe.

Belongs here: limits that hold whatever the endpoint. Does not belong here: who the caller is (credentials.py).
Until people sign in, the API answers this machine alone, whatever address it was told to listen on; the Host header is
checked too, because a web page of elsewhere can make a browser send requests to this machine under its own name.
The one exception is what providers post: a webhook is answered under the names of `NEXUS_WEBHOOK_HOSTS` as well, whoever
asks, and nothing else is; there the provider's signature says who it is (docs/webhooks.md).
"""

from __future__ import annotations

import ipaddress
import re
from functools import lru_cache

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.kernel.starting import add, starting
from api.patience import in_time
from api.problems import problem

_NAMES = {"localhost", "127.0.0.1", "[::1]"}
_WEBHOOK = re.compile(r"/v1/sources/[a-z][a-z0-9_-]*/webhook")
_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Content-Security-Policy": (
        "default-src 'self'; img-src 'self' data:; style-src 'self' 'unsafe-inline'; frame-ancestors 'none'"
    ),
}


_ADDED = tuple((name.lower().encode(), value.encode()) for name, value in _HEADERS.items())
_ADDED_BELOW_V1 = (*_ADDED, (b"cache-control", b"no-store"))


class Guard:
    """Pure ASGI: it costs microseconds and never touches the body it lets through."""

    def __init__(self, app: ASGIApp, webhook_hosts: str = "") -> None:
        self._app = app
        self._webhook_hosts = {name.strip().lower() for name in webhook_hosts.split(",") if name.strip()}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        refusal = self._refusal(scope, headers)
        if refusal is not None:
            await problem(*refusal, str(scope["path"]))(scope, receive, send)
            return

        def guard(message: Message) -> None:
            names = {name for name, _ in message.get("headers", ())}
            added = _ADDED_BELOW_V1 if scope["path"].startswith("/v1/") else _ADDED
            add(message, (pair for pair in added if pair[0] not in names))

        guarded = starting(send, guard)
        has_body = "content-length" in headers or "transfer-encoding" in headers
        await self._app(scope, in_time(receive) if has_body else receive, guarded)

    def _refusal(self, scope: Scope, headers: Headers) -> tuple[int, str, str] | None:
        if len(headers.getlist("host")) > 1:
            # whoever stands before this server may have judged by the other one
            return 400, "unreadable", "a request has one Host"
        host = headers.get("host", "").lower()
        name = host.rsplit(":", 1)[0] if not host.endswith("]") else host
        if name in self._webhook_hosts:
            if scope["method"] == "POST" and _WEBHOOK.fullmatch(str(scope["path"])):
                return None
            return 403, "forbidden", "webhooks alone are answered under this name"
        client = scope.get("client")
        if client is None or not _is_loopback(client[0]):
            return 403, "forbidden", "the API answers this machine only"
        if name not in _NAMES:
            return 403, "forbidden", "the API answers under the names localhost and 127.0.0.1 only"
        return None


@lru_cache(maxsize=1000)
def _is_loopback(address: str) -> bool:
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return False
