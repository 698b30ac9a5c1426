"""How long a client may take to say what it wants: who sends a byte a minute must not hold a connection for hours.

Belongs here: time-outs of headers and bodies, the size of headers. Does not belong here: how large bodies may be (app.py), answers.
The server's own limits begin only when a request is whole.
"""

from __future__ import annotations

import asyncio
from typing import Any

from starlette.exceptions import HTTPException
from starlette.types import Message, Receive
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

#: Seconds from the first byte (or the connection) to the last header, and for all of a body.
HEADERS_WITHIN, BODY_WITHIN = 10.0, 30.0
#: Bytes of all headers together; the parser itself has no end.
LARGEST_HEAD = 64_000


class Protocol(HttpToolsProtocol):
    """Closes a connection whose headers do not come in time, or do not end."""

    _due: asyncio.TimerHandle | None = None
    _head = 0

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        self._hurry()

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._head = 0
        self._hurry()

    def on_header(self, name: bytes, value: bytes) -> None:
        super().on_header(name, value)
        self._head += len(name) + len(value)
        if self._head > LARGEST_HEAD:
            self._close()

    def on_headers_complete(self) -> None:
        self._relax()
        super().on_headers_complete()

    def connection_lost(self, exc: Exception | None) -> None:
        self._relax()
        super().connection_lost(exc)

    def _hurry(self) -> None:
        if self._due is None:
            self._due = self.loop.call_later(HEADERS_WITHIN, self._close)

    def _relax(self) -> None:
        if self._due is not None:
            self._due.cancel()
            self._due = None

    def _close(self) -> None:
        self._due = None
        if not self.transport.is_closing():
            self.transport.close()


def in_time(receive: Receive) -> Receive:
    """`receive` for a request with a body, all of which must come within BODY_WITHIN: else 408."""
    until = asyncio.get_running_loop().time() + BODY_WITHIN
    is_whole = False

    async def received() -> Message:
        nonlocal is_whole
        if is_whole:
            return await receive()
        try:
            async with asyncio.timeout_at(until):
                message = await receive()
        except TimeoutError:
            raise HTTPException(408, "the body did not come in time") from None
        is_whole = not message.get("more_body", False)
        return message

    return received
