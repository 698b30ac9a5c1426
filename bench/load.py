"""Requests over 32 connections that stay open, from this process to a server in one of its own.

Belongs here: sending and reading HTTP/1.1 as cheaply as Python can, so that the server is what is measured; starting it.
Does not belong here: what is asked.
"""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

from nexus.errors import MachineError
from nexus.ports import free_port
from nexus.settings import PROJECT

CONNECTIONS = 32
_STARTS_WITHIN_S = 60


@contextmanager
def server(application: str) -> Iterator[int]:
    """Port of `application` (`module:factory`), served by uvicorn as `nexus serve` does it, in the environment of this process."""
    port = free_port()
    command = [sys.executable, "-m", "uvicorn", application, "--factory", "--port", str(port), "--no-access-log"]
    command += ["--log-level", "warning", "--no-server-header"]
    process = subprocess.Popen(command, cwd=PROJECT, env=os.environ.copy())
    try:
        _await(process, port)
        yield port
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(30)


def _await(process: subprocess.Popen[bytes], port: int) -> None:
    import socket

    until = time.monotonic() + _STARTS_WITHIN_S
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        except OSError:
            if process.poll() is not None or time.monotonic() > until:
                raise MachineError("the server of the bench did not start; see above") from None
            time.sleep(0.05)


def request(method: str, path: str, headers: Mapping[str, str], body: bytes = b"") -> bytes:
    """One request as it goes over the wire."""
    lines = [
        f"{method} {path} HTTP/1.1",
        "Host: 127.0.0.1",
        *(f"{n.replace('_', '-')}: {v}" for n, v in headers.items()),
    ]
    if body:
        lines += ["Content-Type: application/json", f"Content-Length: {len(body)}"]
    return "\r\n".join([*lines, "", ""]).encode() + body


def ask(port: int, requests: Sequence[bytes]) -> list[tuple[int, bytes]]:
    """Status and body of each, in their order."""
    return asyncio.run(_ask(port, requests))


async def _ask(port: int, requests: Sequence[bytes]) -> list[tuple[int, bytes]]:
    answers: list[tuple[int, bytes]] = [(0, b"")] * len(requests)
    waiting = iter(range(len(requests)))

    async def one() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for number in waiting:
            writer.write(requests[number])
            head = (await reader.readuntil(b"\r\n\r\n")).lower()
            length = int(head.partition(b"content-length: ")[2].partition(b"\r\n")[0] or 0)
            answers[number] = int(head[9:12]), await reader.readexactly(length)
        writer.close()

    async with asyncio.TaskGroup() as group:
        for _ in range(CONNECTIONS):
            group.create_task(one())
    return answers
