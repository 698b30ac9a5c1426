"""Auth0 live: the tenant log by checkpoint, and users in the order in which they changed.

Belongs here: paging, where to begin, tokens, permissions. Does not belong here: columns and SQL of the contract.
https://auth0.com/docs/deploy-monitor/logs/retrieve-log-events-using-mgmt-api: events by checkpoint come in the order of
`log_id`, in which nothing arrives late, and the next request is the one that the `Link` header names; where there is
nothing newer that is the same one again.

Searches (users, and logs by time) give a thousand results, page numbers or not. So a search is sorted by time and goes on
from the time of its last result instead of the next page: that has no end, and a user who changes meanwhile, and so leaves
a page, pulls no other one out of sight.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
from pydantic import Field

from nexus.doctor import Finding
from nexus.errors import InputError, ProviderError
from orchestration.live.http import Client, Refused
from orchestration.live.oauth import ClientCredentials
from orchestration.live.spec import Cursor, Live, LiveConfig, Page, Secret, Span, Stream

#: Searches lag behind what happens.
_LATE = timedelta(minutes=10)
_PAGE, _MOST = 100, 1000
_HINT = (
    "check `domain`, `client_id` and `client_secret`; the application must be authorised for the Auth0 Management API; "
    "`nexus sources test` says which permission is missing"
)
_GRANT = "Applications → APIs → Auth0 Management API → Machine to Machine Applications: grant the application {}"


class Config(LiveConfig):
    """Options of an Auth0 connection: a machine-to-machine application of the tenant."""

    domain: str = Field(description="the tenant's own domain, company.eu.auth0.com, not a custom one")
    client_id: str
    client_secret: Secret
    audience: str | None = Field(default=None, description="of the Management API, where it is not the domain's")

    @property
    def api_base(self) -> str:
        return (self.domain if "://" in self.domain else f"https://{self.domain}").rstrip("/")


def open_live(config: Config, transport: httpx.BaseTransport | None = None) -> Live:
    """Streams of the tenant at `domain`."""

    def ask() -> httpx.Request:
        form = {
            "grant_type": "client_credentials",
            "client_id": config.client_id,
            "client_secret": config.client_secret.get_secret_value(),
            "audience": config.audience or f"{config.api_base}/api/v2/",
        }
        return httpx.Request("POST", f"{config.api_base}/oauth/token", data=form)

    auth = ClientCredentials("Auth0", ask, hint=_HINT)
    client = Client("Auth0", config.api_base, hint=_HINT, auth=auth, transport=transport)
    api = Api(client, config)
    streams = [
        Stream("log", api.log, api.log_between, "Tenant log"),
        Stream("user", api.users, api.users_between, "Users that are there"),
    ]
    return Live(streams, api.check, close=client.close)


class Api:
    """Auth0's lists as streams."""

    def __init__(self, client: Client, config: Config) -> None:
        self._client, self._config = client, config

    def log(self, cursor: Cursor) -> Iterator[Page]:
        """Events from the checkpoint on; at first, and should Auth0 no longer know it, from the oldest that is kept."""
        if "next" not in cursor:
            yield from self._from_oldest()
            return
        try:
            yield from self._after(cursor["next"])
        except Refused as error:
            if error.answered not in (400, 404):
                raise
            yield from self._from_oldest()

    def _from_oldest(self) -> Iterator[Page]:
        query = {"q": f"date:[{_written(self._config.since_at)} TO *]", "sort": "date:1", "per_page": 1, "page": 0}
        first = self._client.listed(self._client.get("/api/v2/logs", query))
        if first:
            if not isinstance(first[0].get("log_id"), str):
                raise self._client.unusable("/api/v2/logs", "its first event has no log_id")
            path = _path(**{"from": first[0]["log_id"], "take": _PAGE})
            yield Page({"next": path}, first)
            yield from self._after(path)

    def _after(self, path: str) -> Iterator[Page]:
        while True:
            response = self._client.get(path)
            events = self._client.listed(response)
            following = self._client.following(response)
            if events and not following:
                if not isinstance(events[-1].get("log_id"), str):
                    raise self._client.unusable(path, "its last event has no log_id")
                following = _path(**{"from": events[-1]["log_id"], "take": _PAGE})
            asked, path = path, following or path
            yield Page({"next": path}, events)
            if not events:
                return
            if path == asked:
                # the next question would be the same one, for ever
                raise self._client.unusable(path, "it names itself as the page that follows")

    def log_between(self, span: Span) -> Iterator[Page]:
        """Events by when they happened, as far as Auth0 keeps them."""
        for events, _ in self._by_time("logs", "date", span.start, span.end):
            yield Page({}, events)

    def users(self, cursor: Cursor) -> Iterator[Page]:
        """Users that changed since, with a small overlap; at first all that changed since the option `since`."""
        until = since = self._config.since_at
        if "until" in cursor:
            until = datetime.fromisoformat(cursor["until"])
            since = max(since, until - _LATE)
        for users, last in self._by_time("users", "updated_at", since, None):
            until = max(until, last)
            yield Page({"until": until.isoformat()}, users)

    def users_between(self, span: Span) -> Iterator[Page]:
        """Users whose last change lies in a span of time."""
        for users, _ in self._by_time("users", "updated_at", span.start, span.end):
            yield Page({}, users)

    def _by_time(
        self, name: str, field: str, start: datetime, end: datetime | None
    ) -> Iterator[tuple[list[dict[str, Any]], datetime]]:
        """Results from `start` (included) until `end` (excluded) in the order of `field`, and the time of the last."""
        opening, until = "[", f"{_written(end)}}}" if end else "*]"
        while True:
            found = self._searched(name, field, f"{opening}{_written(start)} TO {until}", 0)
            if not found:
                return
            last = datetime.fromisoformat(found[-1][field])
            if len(found) < _PAGE or last > start:
                yield found, last
                opening = "["
            else:
                yield from ((page, start) for page in self._moment(name, field, start))
                opening = "{"
            if len(found) < _PAGE:
                return
            start = last

    def _moment(self, name: str, field: str, moment: datetime) -> Iterator[list[dict[str, Any]]]:
        """Results that all bear one time, page by page from the last: who leaves one meanwhile moves others to pages
        that are still to be read. Raises ProviderError for more than Auth0 shows.
        """
        at = f"[{_written(moment)} TO {_written(moment)}]"
        for page in reversed(range(_MOST // _PAGE)):
            found = self._searched(name, field, at, page)
            if page == _MOST // _PAGE - 1 and len(found) == _PAGE:
                raise ProviderError(
                    f"Auth0 has {_MOST} {name} or more whose {field} is {moment.isoformat()}, and shows no more of them",
                    remedy=f"land an export of the {name} once (nexus ingest auth0) and set `since` to the day after",
                )
            if found:
                yield found

    def _searched(self, name: str, field: str, bounds: str, page: int) -> list[dict[str, Any]]:
        query = {"q": f"{field}:{bounds}", "sort": f"{field}:1", "per_page": _PAGE, "page": page}
        if name == "users":
            query["search_engine"] = "v3"
        return self._client.listed(self._client.get(f"/api/v2/{name}", query))

    def check(self) -> Iterator[Finding]:
        """One question to each list."""
        for name, permission in (("logs", "read:logs"), ("users", "read:users")):
            try:
                self._client.get(f"/api/v2/{name}", {"per_page": 1, "page": 0})
            except Refused as error:
                remedy = _GRANT.format(permission) if error.answered == 403 else _HINT
                yield Finding(name, "fail", error.message, remedy)
            except InputError as error:
                yield Finding("credentials", "fail", error.message, error.remedy or _HINT)
                return
            else:
                yield Finding(name, "ok", "may be read")


def _path(**params: Any) -> str:
    return f"/api/v2/logs?{httpx.QueryParams(params)}"


def _written(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03}Z"
