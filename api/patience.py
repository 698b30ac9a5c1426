"""How long a client may take to say what it wants and to read the answer: who takes a byte a minute must not hold a
connection for hours.

Belongs here: time-outs of headers, bodies and reading, the size of headers. Does not belong here: how large bodies may be (app.py).
The server's own limits begin only when a request is whole, and end when its answer is written, read or not.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import sys
import termios
from typing import Any

from starlette.exceptions import HTTPException
from starlette.types import Message, Receive
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

#: Seconds from the first byte (or the connection, or the first byte after an answer) to the last header, and for all of
#: a body. What is left of a body after its answer has the former; a head that begins before an answer has ended has longer.
HEADERS_WITHIN, BODY_WITHIN = 10.0, 30.0
#: Seconds in which a client reads some of an answer that waits for it, and bytes that are some.
SOME_READ_WITHIN, SOME = 30.0, 10_000
#: Bytes of all headers together; the parser itself has no end.
LARGEST_HEAD = 64_000


class Protocol(HttpToolsProtocol):
    """Closes a connection whose headers do not come in time, or do not end, or whose answers nobody reads."""

    _due: asyncio.TimerHandle | None = None
    _unread: asyncio.TimerHandle | None = None
    _head = 0
    #: How many heads have begun, whether the last one has not ended, and how much of it came after it began.
    _heads, _is_in_head, _raw = 0, False, 0

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        self._hurry()

    def data_received(self, data: bytes) -> None:
        begun = self._heads
        super().data_received(data)
        if self._is_in_head and begun == self._heads:
            # the parser tells of a header once it has ended, and until then keeps whatever comes
            self._raw += len(data)
            if self._raw > LARGEST_HEAD:
                self._close()
        if self._is_idle():
            # any byte has ended the wait for the next request: what is left of a body that nobody wants, an empty line
            self._hurry()

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._head = 0
        self._begin_head()
        self._hurry()

    def on_header(self, name: bytes, value: bytes) -> None:
        super().on_header(name, value)
        self._head += len(name) + len(value)
        if self._head > LARGEST_HEAD:
            self._close()

    def on_headers_complete(self) -> None:
        self._is_in_head = False
        self._relax()
        super().on_headers_complete()

    def on_chunk_header(self) -> None:
        # after that of the last one come headers again
        self._begin_head()

    def on_body(self, body: bytes) -> None:
        self._is_in_head = False
        super().on_body(body)

    def on_message_complete(self) -> None:
        self._is_in_head = False
        super().on_message_complete()

    def connection_lost(self, exc: Exception | None) -> None:
        self._relax()
        self._forget()
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        super().pause_writing()
        self._watch()

    def resume_writing(self) -> None:
        self._forget()
        super().resume_writing()

    def _begin_head(self) -> None:
        self._heads += 1
        self._is_in_head, self._raw = True, 0

    def _is_idle(self) -> bool:
        if self.transport.is_closing() or self.transport.get_protocol() is not self:
            return False
        return not self._is_answering()

    def _is_answering(self) -> bool:
        return self.cycle is not None and not self.cycle.response_complete

    def _hurry(self) -> None:
        if self._due is None:
            self._due = self.loop.call_later(HEADERS_WITHIN, self._late)

    def _late(self) -> None:
        self._due = None
        if self._is_answering():
            # the head of another request than the one being answered, which is not read meanwhile
            self._hurry()
        else:
            self._close()

    def _relax(self) -> None:
        if self._due is not None:
            self._due.cancel()
            self._due = None

    def _watch(self) -> None:
        self._unread = self.loop.call_later(SOME_READ_WITHIN, self._has_read, left(self.transport))

    def _has_read(self, before: int) -> None:
        if left(self.transport) <= before - SOME:
            self._watch()
        else:
            # `close` would wait until everything is read
            self.transport.abort()

    def _forget(self) -> None:
        if self._unread is not None:
            self._unread.cancel()
            self._unread = None

    def _close(self) -> None:
        if not self.transport.is_closing():
            self.transport.close()


def left(transport: Any) -> int:
    """Bytes that were written and have not come to the client: those of the transport, and those that the kernel holds.

    The kernel takes more only once a third of what it holds has gone, which may be more than a megabyte.
    """
    held = bytearray(4)
    # other systems than Linux do not tell
    with contextlib.suppress(OSError):
        fcntl.ioctl(transport.get_extra_info("socket").fileno(), termios.TIOCOUTQ, held)
    return int(transport.get_write_buffer_size()) + int.from_bytes(held, sys.byteorder)


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
