"""Serving the application in a process of its own.

Belongs here: the server's options. Does not belong here: the application (app.py), restarts (nexus/supervise.py).
"""

from __future__ import annotations

import gc
import signal
import sys
from ipaddress import ip_network
from typing import Any

from nexus.errors import InputError
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
        server_header=False, http=Protocol, **forwarding(settings),
    )  # fmt: skip


def forwarding(settings: Settings) -> dict[str, Any]:
    """The server's options about headers that say for whom a request is handed on: nobody's are believed but those of
    NEXUS_PROXIES. Raises InputError if that is no list of networks."""
    found = []
    for part in filter(None, (part.strip() for part in settings.proxies.split(","))):
        try:
            found.append(str(ip_network(part)))
        except ValueError as error:
            raise InputError(
                f"NEXUS_PROXIES has {part!r}: {error}", remedy="NEXUS_PROXIES=127.0.0.1/32,fd00:1::/32"
            ) from None
    # without the first the server believes whoever is on this machine
    return {"proxy_headers": bool(found), "forwarded_allow_ips": found}


def settle() -> None:
    """What there is once the application is put together stays for good: the collector need not look through it again."""
    gc.collect()
    gc.freeze()
