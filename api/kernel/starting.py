"""What is done as an answer begins: its status is known by then, and headers can still be added.

Belongs here: the place for it in a `send`. Does not belong here: what is done (limits.py, deprecation.py, permissions.py …).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from starlette.types import Message, Send


def starting(send: Send, look: Callable[[Message], None]) -> Send:
    """`send` that has `look` see the message with status and headers before anybody else; it may change them."""

    async def looked(message: Message) -> None:
        if message["type"] == "http.response.start":
            look(message)
        await send(message)

    return looked


def add(message: Message, headers: Iterable[tuple[bytes, bytes]]) -> None:
    """Adds headers to the message with which an answer begins."""
    message["headers"] = [*message.get("headers", ()), *headers]
