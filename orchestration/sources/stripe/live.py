"""Stripe live: every object of the contract once, then what the events feed says has changed.

Belongs here: what changed, where a list goes on, permissions. Does not belong here: paging (lists.py), the balance
(reconcile.py). https://docs.stripe.com/api/events/list (events are kept for thirty days).

The events feed tells that an object changed; its present state is asked for, because a snapshot inside an event may be
older than what has landed already and is written in whatever API version the account had then. Every object is listed
anew after `relist_days`, so that nothing depends on the feed alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import httpx
from pydantic import Field

from nexus.doctor import Finding
from nexus.errors import InputError
from orchestration.live.http import Client, Refused
from orchestration.live.spec import Cursor, Landed, Live, LiveConfig, Page, Secret, Span, Stream
from orchestration.sources.stripe.lists import OBJECTS, Lists, lost_its_place
from orchestration.sources.stripe.reconcile import reconcile

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
        Stream(
            "event", api.events, api.events_between, "What happened, and the present state of what changed",
            knows=("event",),  # for the cursors of the others
        ),
        *(
            Stream(
                name, partial(api.listed, name), partial(api.listed_between, name), f"Every {name.replace('_', ' ')}",
                knows=(name,),
            )
            for name in (*OBJECTS, "balance_transaction")
        ),
    ]  # fmt: skip
    since = config.since_at if api.bounded else None
    return Live(streams, api.check, partial(reconcile, client, since), client.close)


class Api:
    """Stripe's lists as streams."""

    def __init__(self, client: Client, config: Config) -> None:
        self._client, self._config, self._lists = client, config, Lists(client)

    @property
    def bounded(self) -> bool:
        """Whether `since` leaves out what is older; no account is older than Stripe."""
        return self._config.since.year > 2010

    def listed(self, name: str, cursor: Cursor, landed: Landed) -> Iterator[Page]:
        """Every object of a kind, newest first; then those made since, and all again after `relist_days`, or when events
        were lost.

        A list that was broken off goes on where it was; where that object is gone, it begins anew.
        """
        if "listed_at" in cursor and not self._is_due(name, cursor["listed_at"], landed):
            yield from self._newer(name, cursor)
            return
        try:
            yield from self._whole(name, cursor.get("began"), cursor.get("after"))
        except Refused as error:
            if not lost_its_place(error):
                raise
            yield from self._whole(name)

    def _is_due(self, name: str, listed_at: str, landed: Landed) -> bool:
        again = datetime.fromisoformat(listed_at) + timedelta(days=self._config.relist_days)
        lost_at = landed.cursor("event").get("lost_at")
        return self._client.now(f"/v1/{_path(name)}?limit=1") >= again or (
            lost_at is not None and datetime.fromisoformat(listed_at) < datetime.fromisoformat(lost_at)
        )

    def _whole(self, name: str, began: str | None = None, after: str | None = None) -> Iterator[Page]:
        bounds = _created(self._config.since_at) if self.bounded else {}
        for page in self._lists.pages(_path(name), {**_EXTRA.get(name, {}), **bounds}, after):
            began = began or self._client.now().isoformat()
            yield Page({"began": began, "after": page[-1]["id"]}, [*page, *self._lists.rest(name, page)])
        began = began or self._client.now().isoformat()
        yield Page({"listed_at": began, "until": began})

    def _newer(self, name: str, cursor: Cursor) -> Iterator[Page]:
        """The head of the list, down to what the last pull has seen."""
        since = (datetime.fromisoformat(cursor["until"]) - _OVERLAP.get(name, timedelta(hours=1))).timestamp()
        until = None
        for page in self._lists.pages(_path(name), _EXTRA.get(name, {})):
            until = until or self._client.now()
            fresh = [thing for thing in page if not _is_older(thing, since)]
            yield Page(cursor, [*fresh, *self._lists.rest(name, fresh)])
            if len(fresh) < len(page):
                break
        yield Page({**cursor, "until": (until or self._client.now()).isoformat()})

    def listed_between(self, name: str, span: Span) -> Iterator[Page]:
        """Objects made in a span of time."""
        for page in self._lists.pages(_path(name), {**_EXTRA.get(name, {}), **_created(span.start, span.end)}):
            yield Page({}, [*page, *self._lists.rest(name, page)])

    def events(self, cursor: Cursor, landed: Landed) -> Iterator[Page]:
        """Events since the last time, oldest window first, each followed by what they changed."""
        now = self._client.now("/v1/events?limit=1")
        oldest = now - _KEPT
        start, seen = oldest, oldest
        # read up to a moment that has not come yet: the clock was ahead then, and nobody knows by how much
        if "until" in cursor and (until := datetime.fromisoformat(cursor["until"])) <= now:
            start, seen = max(until - _LATE, oldest), until
        first = cursor.get("first")
        if first is None:
            # what happened before the lists were first read is in them; the same pull reads those that were not
            seen = min([now, *self._listed_at(landed)])
            first = seen.isoformat()
        # what happened in between nobody tells any more: a list that is older than this is read anew
        lost = oldest.isoformat() if seen < oldest else cursor.get("lost_at")
        while start < now:
            end = min(start + _WINDOW, now)
            changed: dict[tuple[str, str], bool] = {}
            # whole seconds, the running one included: it is asked for again by the next pull
            for page in self._lists.pages("events", _created(start, end + timedelta(seconds=1))):
                for event in page:
                    key = _changed(event)
                    if key and not _is_older(event, datetime.fromisoformat(first).timestamp() - 60):
                        gone = str(event.get("type")).endswith(".deleted")
                        changed[key] = changed.get(key, False) or gone
                yield Page(cursor, page)
            yield from self._present(cursor, changed)
            cursor = {"until": end.isoformat(), "first": first, **({"lost_at": lost} if lost else {})}
            yield Page(cursor)
            start = end

    def _listed_at(self, landed: Landed) -> Iterator[datetime]:
        """When the lists were read that say what objects were like."""
        for name in OBJECTS:
            cursor = landed.cursor(name)
            if at := cursor.get("listed_at") or cursor.get("began"):
                yield datetime.fromisoformat(at)

    def events_between(self, span: Span) -> Iterator[Page]:
        for page in self._lists.pages("events", _created(span.start, span.end)):
            yield Page({}, page)

    def check(self) -> Iterator[Finding]:
        """One question to each list."""
        key = self._config.api_key.get_secret_value()
        mode = "live" if "_live_" in key else "test"
        yield Finding("key", "ok" if mode == "live" else "warn", f"a key of {mode} mode")
        for path in ("events", *OBJECTS.values(), "balance_transactions"):
            try:
                self._lists.asked(path, {"limit": 1})
            except InputError as error:
                yield Finding(path, "fail", error.message, "give the key read permission on it")
            else:
                yield Finding(path, "ok", "may be read")
        try:
            self._client.get("/v1/balance")
        except InputError as error:
            remedy = "give the key read permission on it: only nexus sources reconcile needs it"
            yield Finding("balance", "warn", error.message, remedy)
        else:
            yield Finding("balance", "ok", "may be read")

    def _present(self, cursor: Cursor, changed: Mapping[tuple[str, str], bool]) -> Iterator[Page]:
        """The state by now of what changed; a stub for what is gone."""
        for (name, identifier), deleted in changed.items():
            found = self._lists.found(name, identifier)
            if found is None and deleted:
                found = {"id": identifier, "object": name, "deleted": True}
            if found is not None:
                yield Page(cursor, [found, *self._lists.rest(name, [found])])


def _changed(event: Mapping[str, Any]) -> tuple[str, str] | None:
    """Kind and id of the object whose present state an event asks for: the payment of an invoice comes with the invoice."""
    data = event.get("data")
    thing = data.get("object") if isinstance(data, dict) else None
    if not isinstance(thing, dict):
        return None
    name, identifier = thing.get("object"), thing.get("id")
    if name == "invoice_payment":
        name, identifier = "invoice", thing.get("invoice")
    return (name, identifier) if isinstance(name, str) and name in OBJECTS and isinstance(identifier, str) else None


def _is_older(thing: Mapping[str, Any], moment: float) -> bool:
    """Whether it was made before; not where `created` is no number: it must land, so that the contract can refuse it."""
    created = thing.get("created")
    return isinstance(created, int | float) and created < moment


def _path(name: str) -> str:
    return OBJECTS.get(name, f"{name}s")


def _created(start: datetime, end: datetime | None = None) -> dict[str, Any]:
    bounds = {"created[gte]": int(start.timestamp())}
    return {**bounds, "created[lt]": int(end.timestamp())} if end else bounds
