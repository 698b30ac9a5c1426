"""An application on a port of this process."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn
from fastapi import FastAPI

from api.patience import Protocol
from api.serving import forwarding
from nexus.ports import free_port


@contextmanager
def running(app: FastAPI, port: int | None = None) -> Iterator[str]:
    """Address of the application while it is served."""
    port = port or free_port()
    settings = getattr(app.state, "settings", None)
    believed = forwarding(settings) if settings else {"proxy_headers": False}
    config = uvicorn.Config(app, host="127.0.0.1", port=port, log_level="warning", http=Protocol, **believed)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        assert thread.is_alive()
        time.sleep(0.02)
    yield f"http://127.0.0.1:{port}"
    server.should_exit = True
    thread.join(timeout=20)
