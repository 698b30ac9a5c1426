"""Who reads an answer steadily is known from who does not, though the kernel takes more of it in large steps only."""

from __future__ import annotations

import asyncio
import socket
from typing import Any

from uvicorn.config import Config
from uvicorn.server import ServerState

from api.patience import SOME, Protocol, left


async def _nothing(scope: Any, receive: Any, send: Any) -> None: ...


def test_who_reads_steadily_goes_on_while_the_kernel_takes_no_more() -> None:
    async def go() -> None:
        config = Config(_nothing, lifespan="off", log_config=None)
        config.load()
        loop, made = asyncio.get_running_loop(), Protocol(config, ServerState(), {})
        server = await loop.create_server(lambda: made, "127.0.0.1", 0)
        with socket.socket() as client:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 50_000)
            client.setblocking(False)
            await loop.sock_connect(client, server.sockets[0].getsockname())
            while not (transport := made.transport):
                await asyncio.sleep(0.01)
            transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1_000_000)
            transport.write(bytes(5_000_000))
            held, before = transport.get_write_buffer_size(), left(transport)
            while left(transport) > before - SOME:
                await loop.sock_recv(client, 4096)
            assert transport.get_write_buffer_size() == held, "a step is larger than what was read"
            made._has_read(before)
            assert not transport.is_closing()
            made._forget()
            # who has read nothing since
            made._has_read(left(transport))
            assert transport.is_closing()
        server.close()

    asyncio.run(go())
