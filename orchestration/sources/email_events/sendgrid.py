"""SendGrid's Email Logs API: messages by when they were made, and what has happened to each.

Belongs here: which messages are asked for, and when again. Does not belong here: what SendGrid posts (webhook.py).
https://www.twilio.com/docs/sendgrid/api-reference/email-logs: thirty days, no pages, at most a thousand messages an answer,
one question for the events of a message. Events bear the ids of the webhook's, so one that came both ways is one.

Nothing tells that an old message was opened just now. So each message is asked for as it appears and again after a day, a
week and four weeks: a stream for each of these, with a cursor of its own, which is a message's time of making.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import httpx

from nexus.doctor import Finding
from nexus.errors import InputError, ProviderError
from orchestration.live.http import Client
from orchestration.live.spec import Cursor, Live, Page, Span, Stream

if TYPE_CHECKING:
    from orchestration.sources.email_events.live import Config

_BASE = "https://api.sendgrid.com"
_WHEN = "sg_message_id_created_at"
_KEPT, _WINDOW, _SHORTEST, _MOST = timedelta(days=30), timedelta(days=1), timedelta(seconds=1), 1000
#: How old a message is when a stream asks for it. The first waits for messages that are listed late.
AGES = {
    "log": timedelta(minutes=10), "log_1d": timedelta(days=1), "log_7d": timedelta(days=7), "log_28d": timedelta(days=28),
}  # fmt: skip


def open_api(config: Config, key: str, transport: httpx.BaseTransport | None) -> Live:
    """A stream for each age."""
    client = Client(
        "SendGrid", config.api_base or _BASE, headers={"Authorization": f"Bearer {key}"}, transport=transport,
        hint="check `api_key`: it needs read access to Email Logs; `api_base` is https://api.eu.sendgrid.com in the EU",
    )  # fmt: skip
    logs = Logs(client, config.since_at)
    streams = [
        Stream(name, partial(logs.pages, age), logs.between if name == "log" else None, _described(age))
        for name, age in AGES.items()
    ]

    def check() -> Iterator[Finding]:
        try:
            client.request("POST", "/v3/logs", json={"limit": 1})
        except InputError as error:
            yield Finding("log", "fail", error.message, error.remedy or "")
        else:
            yield Finding("log", "ok", "Email Logs may be read")

    return Live(streams, check, close=client.close)


class Logs:
    """The list of messages as streams of what has happened to each."""

    def __init__(self, client: Client, since: datetime) -> None:
        self._client, self._since = client, since

    def pages(self, age: timedelta, cursor: Cursor) -> Iterator[Page]:
        """Messages made since the cursor that are `age` old by now, oldest first; a page a message."""
        now = self._client.now("/v3/scopes")
        start, end = max(self._since, now - _KEPT), now - age
        if "until" in cursor:
            start = max(start, _moment(cursor["until"]))
        elif age != AGES["log"]:
            # of what is older the first stream tells now, in its first pull
            yield Page({"until": end.isoformat()})
            return
        while start < end:
            stop = min(start + _WINDOW, end)
            for message in self._made(start, stop):
                # the next pull asks for this one again: others may be of the same moment
                yield Page({"until": message["sg_message_id_created_at"]}, self._events(message))
            yield Page({"until": stop.isoformat()})
            start = stop

    def between(self, span: Span) -> Iterator[Page]:
        """Messages made in a span of time."""
        start = span.start
        while start < span.end:
            stop = min(start + _WINDOW, span.end)
            for message in self._made(start, stop):
                yield Page({}, self._events(message))
            start = stop

    def _made(self, start: datetime, end: datetime) -> Iterator[Mapping[str, Any]]:
        """Messages of a span of time, oldest first; of its halves, where there are more than SendGrid gives."""
        query = f"{_WHEN} >= {_written(start)} AND {_WHEN} < {_written(end)}"
        answer = self._client.request("POST", "/v3/logs", json={"query": query, "limit": _MOST})
        messages: list[dict[str, Any]] = answer.json()["messages"]
        if len(messages) < _MOST:
            yield from sorted(messages, key=lambda message: _moment(message[_WHEN]))
            return
        if end - start <= _SHORTEST:
            raise ProviderError(
                f"SendGrid has {_MOST:,} messages or more of {start.isoformat()}, and shows no more of them",
                remedy="let the Event Webhook bring the events of so many messages; see docs/webhooks.md",
            )
        middle = (start + (end - start) / 2).replace(microsecond=0)
        middle = middle if middle > start else start.replace(microsecond=0) + _SHORTEST
        yield from self._made(start, middle)
        yield from self._made(middle, end)

    def _events(self, message: Mapping[str, Any]) -> list[dict[str, Any]]:
        """What has happened to a message; nothing of one that is no longer kept."""
        found = self._client.find(f"/v3/logs/{quote(message['sg_message_id'], safe='')}")
        return [found] if found and found.get("events") else []


def _moment(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _written(moment: datetime) -> str:
    return f'TIMESTAMP "{moment:%Y-%m-%dT%H:%M:%S}Z"'


def _described(age: timedelta) -> str:
    return f"Events of messages, asked for after {age.days} days" if age.days else "Events of messages as they appear"
