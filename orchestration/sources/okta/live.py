"""Okta live: the System Log by polling, users that changed, groups with who is in them and who has left.

Belongs here: paging, what changed, what vanished. Does not belong here: columns and SQL of the contract, tokens (token.py).
https://developer.okta.com/docs/api/openapi/okta-management/management/tag/SystemLog/ tells a *polling* request (`since`,
ascending, no `until`), whose events come in the order in which Okta stored them and whose last page still names a next
one, from a *bounded* one (`since` and `until`), which goes by `published` and may miss what is stored late. Pulls poll, and
their cursor is that next page; back-fills are bounded. Okta keeps the log for ninety days.

Okta says who is in a group, not who has left. A group whose members changed is read whole, and who had landed as a member
and is no more lands as `is_member: false`; groups that are gone are found once a day, by a whole list beside the ones that
the connection has listed before, which its cursor names.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
from pydantic import Field, model_validator

from nexus.doctor import Finding
from nexus.errors import InputError
from orchestration.live.http import Client, Refused
from orchestration.live.spec import Cursor, Landed, Live, LiveConfig, Page, Secret, Span, Stream
from orchestration.sources.okta.token import SCOPES, service_app

_KEPT = timedelta(days=89)
#: Clocks differ, and lists lag a little behind what they list.
_LATE = timedelta(minutes=10)
_WHOLE = timedelta(days=1)
_GONE = frozenset({400, 404, 410})
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_HINT = "check `domain` and the token or app; `nexus sources test` says which permission is missing"
_ROLE = "give the token's administrator (or the app) the role Read-only Administrator; an app also needs the scope {}"


class Config(LiveConfig):
    """Options of an Okta connection: an API token, or a service app with its private key."""

    domain: str = Field(description="https://your-company.okta.com, without -admin")
    api_token: Secret | None = None
    client_id: str | None = Field(default=None, description="of the service app, 0oa…")
    private_key: Secret | None = Field(default=None, description="of the service app, PEM")
    key_id: str | None = Field(default=None, description="kid of the key, where the app has several")

    @model_validator(mode="after")
    def _either(self) -> Config:
        if bool(self.api_token) == bool(self.client_id and self.private_key):
            raise ValueError("needs either api_token, or client_id and private_key")
        return self

    @property
    def api_base(self) -> str:
        return (self.domain if "://" in self.domain else f"https://{self.domain}").rstrip("/")


def open_live(config: Config, transport: httpx.BaseTransport | None = None) -> Live:
    """Streams of the organisation at `domain`."""
    headers = {"Accept": "application/json"}
    auth = None
    if config.api_token:
        headers["Authorization"] = f"SSWS {config.api_token.get_secret_value()}"
    else:
        assert config.client_id
        assert config.private_key
        auth = service_app(config.api_base, config.client_id, config.private_key.get_secret_value(), config.key_id)
    client = Client("Okta", config.api_base, hint=_HINT, auth=auth, headers=headers, transport=transport)
    api = Api(client, config)
    streams = [
        Stream("log", api.log, api.log_between, "System Log"),
        Stream("user", api.users, api.users_between, "Users, deactivated ones too"),
        Stream("group", api.groups, None, "Groups and their members", knows=("group", "group_member")),
    ]
    return Live(streams, api.check, close=client.close)


class Api:
    """Okta's lists as streams."""

    def __init__(self, client: Client, config: Config) -> None:
        self._client, self._config = client, config

    def log(self, cursor: Cursor) -> Iterator[Page]:
        """Events in the order in which they were stored, from where the last pull ended."""
        oldest = max(self._config.since_at, datetime.now(UTC) - _KEPT)
        try:
            yield from self._polled(cursor, cursor.get("next") or _log_path(oldest))
        except Refused as error:
            if "next" not in cursor or error.answered not in _GONE:
                raise
            # the page is no longer known: by time, an hour back, and each event still lands once
            seen = datetime.fromisoformat(cursor["seen"]) - timedelta(hours=1) if cursor.get("seen") else oldest
            yield from self._polled({"seen": cursor.get("seen")}, _log_path(max(seen, oldest)))

    def _polled(self, cursor: Cursor, path: str) -> Iterator[Page]:
        while True:
            events, following = self._page(path)
            seen = events[-1].get("published") if events else cursor.get("seen")
            cursor = {"next": following or path, "seen": seen}
            yield Page(cursor, events)
            if not events:
                return
            if following is None or following == path:
                # the next question would be the same one, for ever
                raise self._client.unusable(path, "it names no page that follows its events")
            path = following

    def log_between(self, span: Span) -> Iterator[Page]:
        """Events by when they happened."""
        for events in self._all(_log_path(span.start, span.end)):
            yield Page({}, events)

    def users(self, cursor: Cursor) -> Iterator[Page]:
        """Users that changed since; at first all. A list that was broken off goes on where it was."""
        began = cursor.get("began")
        since = datetime.fromisoformat(cursor["until"]) - _LATE if "until" in cursor else _EPOCH
        path: str | None = cursor.get("next") or _path("users", filter=f'lastUpdated gt "{_written(since)}"', limit=200)
        while path:
            try:
                users, following = self._page(path)
            except Refused as error:
                if path != cursor.get("next") or error.answered not in _GONE:
                    raise
                yield from self.users({name: value for name, value in cursor.items() if name == "until"})
                return
            began = began or self._client.now().isoformat()
            asked, path = path, following
            if path:
                yield Page({**cursor, "began": began, "next": path}, users)
                if path == asked:
                    raise self._client.unusable(path, "it names itself as the page that follows")
            else:
                yield Page({"until": began}, users)

    def users_between(self, span: Span) -> Iterator[Page]:
        """Users whose last change lies in a span of time."""
        bounds = f'lastUpdated ge "{_written(span.start)}" and lastUpdated lt "{_written(span.end)}"'
        for users in self._all(_path("users", filter=bounds, limit=200)):
            yield Page({}, users)

    def groups(self, cursor: Cursor, landed: Landed) -> Iterator[Page]:
        """Groups that changed since, each with its members and those who left; once a day also which are gone."""
        now = self._client.now()
        since = datetime.fromisoformat(cursor["until"]) - _LATE if "until" in cursor else _EPOCH
        # groups of another organisation may have landed beside: only what this one has listed can be gone from it
        known = set(cursor.get("groups", ()))
        whole = not {"listed", "groups"} <= cursor.keys() or now - datetime.fromisoformat(cursor["listed"]) >= _WHOLE
        bounds = f'lastUpdated gt "{_written(since)}" or lastMembershipUpdated gt "{_written(since)}"'
        path = _path("groups", limit=200) if whole else _path("groups", limit=200, filter=bounds)
        members: dict[str, set[str]] = defaultdict(set)
        for group, user in landed(
            "select group_id, user_id from raw_okta__group_member where coalesce(is_member, true)"
        ):
            members[group].add(user)
        gone = {row[0] for row in landed("select id from raw_okta__group where is_deleted")}
        listed: set[str] = set()
        until = None
        for groups in self._all(path):
            until = until or self._client.now()
            listed |= {group["id"] for group in groups}
            # a whole list that breaks off is read whole again
            kept = {name: value for name, value in cursor.items() if name != "listed" or not whole}
            cursor = {**kept, "groups": sorted(known | listed)}
            yield Page(cursor, [*groups, *(_again(group, now) for group in groups if group["id"] in gone)])
            for group in groups:
                changed = group.get("lastMembershipUpdated") or group.get("lastUpdated")
                is_due = changed is None or datetime.fromisoformat(changed) > since or group["id"] in gone
                if is_due and not _is_everyone(group):
                    yield Page(cursor, self._membership(group["id"], members[group["id"]]))
        if whole:
            yield Page(cursor, _gone(landed, known - listed, members, now))
            known = set()
        yield Page(
            {
                "until": (until or now).isoformat(),
                "listed": now.isoformat() if whole else cursor["listed"],
                "groups": sorted(known | listed),
            }
        )

    def check(self) -> Iterator[Finding]:
        """One question to each list."""
        for name, scope in zip(("logs", "users", "groups"), SCOPES, strict=True):
            try:
                self._client.get(_path(name, limit=1))
            except Refused as error:
                remedy = _ROLE.format(scope) if error.answered == 403 else _HINT
                yield Finding(name, "fail", error.message, remedy)
            except InputError as error:
                yield Finding("credentials", "fail", error.message, error.remedy or _HINT)
                return
            else:
                yield Finding(name, "ok", "may be read")

    def _membership(self, group: str, known: set[str]) -> list[dict[str, Any]]:
        """Everybody in a group, and everybody who had landed as a member and is none."""
        now = {user["id"] for users in self._all(_path(f"groups/{group}/users", limit=1000)) for user in users}
        return [
            {"group_id": group, "user_id": user, "is_member": user in now} for user in sorted(now | known)
        ]  # fmt: skip

    def _all(self, path: str) -> Iterator[list[dict[str, Any]]]:
        following: str | None = path
        while following:
            asked = following
            found, following = self._page(asked)
            yield found
            if following == asked:
                raise self._client.unusable(asked, "it names itself as the page that follows")

    def _page(self, path: str) -> tuple[list[dict[str, Any]], str | None]:
        response = self._client.get(path)
        return self._client.listed(response), self._client.following(response)


def _gone(
    landed: Landed, vanished: set[str], members: Mapping[str, set[str]], now: datetime
) -> Sequence[Mapping[str, Any]]:
    """Groups that had landed and have vanished from the list, and that nobody is in them."""
    documents: list[dict[str, Any]] = []
    for group, kind, name in landed("select id, type, name from raw_okta__group where not coalesce(is_deleted, false)"):
        if group in vanished:
            documents += [
                {
                    "id": group,
                    "type": kind,
                    "profile": {"name": name},
                    "lastUpdated": _written(now),
                    "is_deleted": True,
                },
                *({"group_id": group, "user_id": user, "is_member": False} for user in sorted(members[group])),
            ]
    return documents


def _again(group: Mapping[str, Any], now: datetime) -> Mapping[str, Any]:
    """A group that had landed as gone and is listed: newer than that tale."""
    return {**group, "lastUpdated": _written(now), "is_deleted": False}


def _is_everyone(group: Mapping[str, Any]) -> bool:
    """The group that every user is in says nothing and would be read whole with every new user."""
    return group.get("type") == "BUILT_IN" and group.get("profile", {}).get("name") == "Everyone"


def _log_path(since: datetime, until: datetime | None = None) -> str:
    bounds = {"since": _written(since)} | ({"until": _written(until)} if until else {})
    return _path("logs", **bounds, sortOrder="ASCENDING", limit=1000)


def _path(name: str, **params: Any) -> str:
    return f"/api/v1/{name}?{httpx.QueryParams(params)}"


def _written(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03}Z"
