"""How the API is run."""

from __future__ import annotations

import sys

from nexus.services import Service
from nexus.settings import Settings


def services(settings: Settings) -> list[Service]:
    return [
        Service(
            name="api",
            command=(sys.executable, "-m", "api"),
            purpose="predictions and, at /docs, every endpoint",
            port=settings.api_port,
            health="/healthz",
            page="/docs",
        ),
        Service(
            name="worker",
            command=(sys.executable, "-m", "nexus.events.worker"),
            purpose="takes what happened to whoever waits for it",
        ),
    ]  # fmt: skip
