"""Mailgun's events API.

Belongs here: what is asked of it. Does not belong here: what Mailgun posts (webhook.py), options (live.py).
https://documentation.mailgun.com/docs/mailgun/user-manual/events/event-polling
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

import httpx

from nexus.doctor import Finding
from nexus.errors import InputError
from orchestration.live.http import Client
from orchestration.live.spec import Cursor, Live, Page, Span, Stream

if TYPE_CHECKING:
    from orchestration.sources.email_events.live import Config

_BASE = "https://api.mailgun.net"
#: Mailgun keeps events for up to thirty days, and lists those of the last half hour in no reliable order.
_KEPT, _UNSETTLED, _PAGE = timedelta(days=30), timedelta(hours=1), 300


def open_api(config: Config, key: str, transport: httpx.BaseTransport | None) -> Live:
    """A stream for each domain."""
    client = Client(
        "Mailgun", config.api_base or _BASE, auth=("api", key), transport=transport,
        hint="check `api_key`, `domains`, and `api_base` (https://api.eu.mailgun.net for domains in the EU)",
    )  # fmt: skip
    api = Mailgun(client, config.since_at)
    streams = [
        Stream(domain, partial(api.events, domain), partial(api.between, domain), f"Events of {domain}")
        for domain in config.domains
    ]

    def check() -> Iterator[Finding]:
        for domain in config.domains:
            try:
                client.get(f"/v3/{domain}/events", {"limit": 1})
            except InputError as error:
                yield Finding(domain, "fail", error.message, error.remedy or "")
            else:
                yield Finding(domain, "ok", "events may be read")

    return Live(streams, check, close=client.close)


class Mailgun:
    """Pages until an empty one; the last hour is asked for again, as events appear late."""

    def __init__(self, client: Client, since: datetime) -> None:
        self._client, self._since = client, since

    def events(self, domain: str, cursor: Cursor) -> Iterator[Page]:
        now = self._client.now(f"/v3/{domain}/events?limit=1")
        start = max(self._since, now - _KEPT)
        if "until" in cursor:
            start = max(start, datetime.fromisoformat(cursor["until"]) - _UNSETTLED)
        going = cursor.get("next")  # of a pull that was broken off; good for as long as its events are kept
        until = cursor.get("ends", now.isoformat()) if going else now.isoformat()
        for items, following in self._pages(domain, going, start, now):
            yield Page({**cursor, "next": following, "ends": until}, items)
        yield Page({"until": until})

    def between(self, domain: str, span: Span) -> Iterator[Page]:
        for items, _ in self._pages(domain, None, span.start, span.end):
            yield Page({}, items)

    def _pages(
        self, domain: str, going: str | None, start: datetime, end: datetime
    ) -> Iterator[tuple[list[dict[str, Any]], str]]:
        path, query = f"/v3/{domain}/events", {
            "begin": start.timestamp(), "end": end.timestamp(), "ascending": "yes", "limit": _PAGE,
        }  # fmt: skip
        found = None
        if going:
            # a link that is no longer good is no reason to stand still
            with suppress(InputError):
                found = self._page(self._own(going))
        asked = going if found else path
        found = found or self._page(path, query)
        while found[0]:
            items, following = found
            yield items, following
            if following == asked:
                # the next question would be the same one, for ever
                raise self._client.unusable(self._own(following), "it names itself as the page that follows")
            asked, found = following, self._page(self._own(following))

    def _page(self, path: str, query: dict[str, Any] | None = None) -> tuple[list[dict[str, Any]], str]:
        """Events, and the address of what follows them. Raises ProviderError for what is no page of events."""
        found = self._client.json(path, query)
        items = found.get("items") if isinstance(found, dict) else None
        if not isinstance(items, list) or not all(isinstance(each, dict) for each in items):
            raise self._client.unusable(path, "it is no list of events")
        paging = found.get("paging")
        following = paging.get("next") if isinstance(paging, dict) else None
        if items and not isinstance(following, str):
            raise self._client.unusable(path, "it names no page that follows its events")
        return items, following or ""

    def _own(self, address: str) -> str:
        """The path of an address that Mailgun gave: our key goes to no other host."""
        url = httpx.URL(address)
        if not url.path.startswith("/v3/"):
            raise InputError(
                "Mailgun named a next page outside of its events API", remedy="try again; report it if it stays"
            )
        return url.raw_path.decode()
