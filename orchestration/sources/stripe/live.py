"""Stripe live: every object of the contract once, then what the events feed says has changed.

Belongs here: paging, what changed, permissions, the balance. Does not belong here: columns and SQL of the contract.
https://docs.stripe.com/api/pagination, https://docs.stripe.com/api/events/list (events are kept for thirty days).

The events feed tells that an object changed; its present state is asked for, because a snapshot inside an event may be
older than what has landed already and is written in whatever API version the account had then. Every object is listed
anew after `relist_days`, so that nothing depends on the feed alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import httpx
from pydantic import Field

from nexus.doctor import Finding
from nexus.errors import InputError
from orchestration.live.http import Client
from orchestration.live.spec import Cursor, Live, LiveConfig, Page, Secret, Span, Stream
from orchestration.sources.stripe.reconcile import reconcile

#: Path of every object that is listed. Lines, items and links come inside these.
OBJECTS: Mapping[str, str] = {
    "customer": "customers",
    "product": "products",
    "price": "prices",
    "subscription": "subscriptions",
    "invoice": "invoices",
    "charge": "charges",
    "payment_intent": "payment_intents",
    "refund": "refunds",
    "dispute": "disputes",
}
_PAGE = 100
_KEPT = timedelta(days=29)  # of events; a day less than Stripe promises
_WINDOW = timedelta(days=1)
_LATE = timedelta(minutes=10)  # an event may appear in the list after a younger one
#: No event tells that a booking has become available: it takes up to a week.
_OVERLAP = {"balance_transaction": timedelta(days=8)}
#: Only with this are cancelled subscriptions listed.
_EXTRA = {"subscription": {"status": "all"}}


class Config(LiveConfig):
    """Options of a Stripe connection."""

    api_key: Secret
    account: str | None = Field(default=None, description="connected account, acct_…")
    api_version: str | None = Field(default=None, description="version of the API, where not the account's own")
    api_base: str = Field(default="https://api.stripe.com", description="address of the API")
    relist_days: int = Field(default=28, ge=1, le=365, description="every object is listed anew after this many days")


def open_live(config: Config, transport: httpx.BaseTransport | None = None) -> Live:
    """Streams of the account that `api_key` belongs to."""
    headers = {"Authorization": f"Bearer {config.api_key.get_secret_value()}"}
    headers |= {"Stripe-Account": config.account} if config.account else {}
    headers |= {"Stripe-Version": config.api_version} if config.api_version else {}
    client = Client(
        "Stripe", config.api_base, headers=headers, transport=transport,
        hint="check `api_key`: a restricted key needs read permission on every object; `nexus sources test` lists them",
    )  # fmt: skip
    api = Api(client, config)
    streams = [
        Stream("event", api.events, api.events_between, "What happened, and the present state of what changed"),
        *(
            Stream(
                name, partial(api.listed, name), partial(api.listed_between, name), f"Every {name.replace('_', ' ')}"
            )
            for name in (*OBJECTS, "balance_transaction")
        ),
    ]
    return Live(streams, api.check, partial(reconcile, client), client.close)


class Api:
    """Stripe's lists as streams."""

    def __init__(self, client: Client, config: Config) -> None:
        self._client, self._config = client, config

    def listed(self, name: str, cursor: Cursor) -> Iterator[Page]:
        """Every object of a kind, newest first; then those made since, and all again after `relist_days`.

        A list that was broken off goes on where it was.
        """
        again = timedelta(days=self._config.relist_days)
        if "listed_at" in cursor and self._client.now() < datetime.fromisoformat(cursor["listed_at"]) + again:
            yield from self._newer(name, cursor)
            return
        began = cursor.get("began")
        bounds = _created(self._config.since_at) if self._config.since.year > 2010 else {}
        for page in self._pages(_path(name), {**_EXTRA.get(name, {}), **bounds}, cursor.get("after")):
            began = began or self._client.now().isoformat()
            yield Page({"began": began, "after": page[-1]["id"]}, [*page, *self._rest(name, page)])
        began = began or self._client.now().isoformat()
        yield Page({"listed_at": began, "until": began})

    def _newer(self, name: str, cursor: Cursor) -> Iterator[Page]:
        """The head of the list, down to what the last pull has seen."""
        since = (datetime.fromisoformat(cursor["until"]) - _OVERLAP.get(name, timedelta(hours=1))).timestamp()
        until = None
        for page in self._pages(_path(name), _EXTRA.get(name, {})):
            until = until or self._client.now()
            fresh = [thing for thing in page if thing["created"] >= since]
            yield Page(cursor, [*fresh, *self._rest(name, fresh)])
            if len(fresh) < len(page):
                break
        yield Page({**cursor, "until": (until or self._client.now()).isoformat()})

    def listed_between(self, name: str, span: Span) -> Iterator[Page]:
        """Objects made in a span of time."""
        for page in self._pages(_path(name), {**_EXTRA.get(name, {}), **_created(span.start, span.end)}):
            yield Page({}, [*page, *self._rest(name, page)])

    def events(self, cursor: Cursor) -> Iterator[Page]:
        """Events since the last time, oldest window first, each followed by what they changed."""
        now = self._client.now("/v1/events?limit=1")
        oldest = now - _KEPT
        start = oldest
        # read up to a moment that has not come yet: the clock was ahead then, and nobody knows by how much
        if "until" in cursor and (until := datetime.fromisoformat(cursor["until"])) <= now:
            start = max(until - _LATE, oldest)
        # what happened before the first pull is in the lists that the same pull reads
        first = cursor.get("first") or now.isoformat()
        while start < now:
            end = min(start + _WINDOW, now)
            changed: dict[tuple[str, str], bool] = {}
            # whole seconds, the running one included: it is asked for again by the next pull
            for page in self._pages("events", _created(start, end + timedelta(seconds=1))):
                for event in page:
                    thing = event.get("data", {}).get("object", {})
                    key = (thing.get("object"), thing.get("id"))
                    if (
                        key[0] in OBJECTS
                        and key[1]
                        and event["created"] >= datetime.fromisoformat(first).timestamp() - 60
                    ):
                        changed[key] = changed.get(key, False) or event["type"].endswith(".deleted")
                yield Page(cursor, page)
            yield from self._present(cursor, changed)
            cursor = {"until": end.isoformat(), "first": first}
            yield Page(cursor)
            start = end

    def events_between(self, span: Span) -> Iterator[Page]:
        for page in self._pages("events", _created(span.start, span.end)):
            yield Page({}, page)

    def check(self) -> Iterator[Finding]:
        """One question to each list."""
        key = self._config.api_key.get_secret_value()
        mode = "live" if "_live_" in key else "test"
        yield Finding("key", "ok" if mode == "live" else "warn", f"a key of {mode} mode")
        for path in ("events", *OBJECTS.values(), "balance_transactions"):
            try:
                self._client.get(f"/v1/{path}", {"limit": 1})
            except InputError as error:
                yield Finding(path, "fail", error.message, "give the key read permission on it")
            else:
                yield Finding(path, "ok", "may be read")

    def _present(self, cursor: Cursor, changed: Mapping[tuple[str, str], bool]) -> Iterator[Page]:
        """The state by now of what changed; a stub for what is gone."""
        for (name, identifier), deleted in changed.items():
            found = self._client.find(f"/v1/{OBJECTS[name]}/{identifier}")
            if found is None and deleted:
                found = {"id": identifier, "object": name, "deleted": True}
            if found is not None:
                yield Page(cursor, [found, *self._rest(name, [found])])

    def _rest(self, name: str, page: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
        """Lines and items that did not fit into their invoice or subscription."""
        part = {"invoice": "lines", "subscription": "items"}.get(name, "")
        rest: list[Mapping[str, Any]] = []
        for thing in page if part else ():
            inside = thing.get(part) or {}
            if inside.get("has_more"):
                path = inside.get("url", f"/v1/{OBJECTS[name]}/{thing['id']}/{part}").removeprefix("/v1/")
                for more in self._pages(path, {}, inside["data"][-1]["id"] if inside["data"] else None):
                    rest += more
        return rest

    def _pages(
        self, path: str, params: Mapping[str, Any], after: str | None = None
    ) -> Iterator[list[Mapping[str, Any]]]:
        base, _, own = path.partition("?")
        while True:
            paging = {"limit": _PAGE, **({"starting_after": after} if after else {})}
            found = self._client.json(f"/v1/{base}", {**dict(httpx.QueryParams(own)), **params, **paging})
            if found["data"]:
                yield found["data"]
                after = found["data"][-1]["id"]
            if not found.get("has_more"):
                return


def _path(name: str) -> str:
    return OBJECTS.get(name, f"{name}s")


def _created(start: datetime, end: datetime | None = None) -> dict[str, Any]:
    bounds = {"created[gte]": int(start.timestamp())}
    return {**bounds, "created[lt]": int(end.timestamp())} if end else bounds
