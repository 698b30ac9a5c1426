"""Serving the application in a process of its own.

Belongs here: the server's options. Does not belong here: the application (app.py), restarts (nexus/supervise.py).
"""

from __future__ import annotations

import gc
import signal
import sys

from nexus.settings import Settings
from nexus.telemetry import logs

#: Objects more than before at which the collector looks for circles. A request holds some two hundred; at Python's 700 the
#: collector looked through the same waiting requests again and again, for a tenth of the processor time.
_MADE_BETWEEN_LOOKS = 20_000


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
    """What there is once the application is put together stays for good: the collector need not look through it again, nor through
    what a few dozen requests hold while they wait for PostgreSQL."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(_MADE_BETWEEN_LOOKS)
