"""What *test connection* says: everything that a pull and a webhook need.

Belongs here: what is asked whatever the provider. Does not belong here: what a source asks its provider (its `live.py`).
"""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import urlencode

import httpx

from nexus.connections import Connection
from nexus.doctor import Finding
from nexus.errors import NotFoundError
from nexus.settings import Settings
from orchestration.live.connections import chosen, opened
from orchestration.live.receiving import hook
from orchestration.live.spec import Live


def check(settings: Settings, connection: Connection, transport: httpx.BaseTransport | None = None) -> list[Finding]:
    """Asks the provider. Raises InputError for options that cannot be used."""
    with opened(connection, transport) as live:
        return [*_streams(connection, live), *live.check(), *_webhook(settings, connection)]


def _streams(connection: Connection, live: Live) -> Iterator[Finding]:
    try:
        chosen(connection, live)
    except NotFoundError as error:
        yield Finding("streams", "fail", error.message, error.remedy or "")


def _webhook(settings: Settings, connection: Connection) -> Iterator[Finding]:
    """Where the provider has to post to, where the connection takes what is posted."""
    if hook(connection) is None:
        return
    query = urlencode({"workspace": connection.workspace, "connection": connection.name})
    path = f"/v1/sources/{connection.source}/webhook?{query}"
    names = [name for name in map(str.strip, settings.webhook_hosts.split(",")) if name]
    if names:
        addresses = " or ".join(f"https://{name}{path}" for name in names)
        yield Finding(
            "webhook", "ok", f"the provider has to post to {addresses}", "docs/webhooks.md says how it gets here"
        )
    else:
        yield Finding(
            "webhook", "warn", "no public name is set, so nobody but this machine can post to it",
            f"set NEXUS_WEBHOOK_HOSTS=NAME and let the provider post to https://NAME{path}; see docs/webhooks.md",
        )  # fmt: skip
