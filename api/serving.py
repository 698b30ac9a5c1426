"""Serving the application in a process of its own.

Belongs here: the server's options. Does not belong here: the application (app.py), restarts (nexus/supervise.py).
"""

from __future__ import annotations

import gc
import signal
import sys

from nexus.settings import Settings
from nexus.telemetry import logs


def run(settings: Settings, port: int | None = None) -> None:
    """Until SIGTERM. No line for each request: it would hold addresses and queries; spans and metrics tell more."""
    import uvicorn

    import api.app  # noqa: F401
    from api.patience import Protocol

    # uvicorn finishes its requests and then raises the signal again; by default that ends the process before it could
    # give back the embedded database
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    settle()
    logs.configure(settings.log_level, settings.log_format)
    uvicorn.run(
        "api.app:app", host=settings.host, port=port or settings.api_port, log_config=None, access_log=False,
        server_header=False, http=Protocol,
    )  # fmt: skip


def settle() -> None:
    """What there is once the application is put together stays for good: the collector need not look through it again."""
    gc.collect()
    gc.freeze()
