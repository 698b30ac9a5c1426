"""An Auth0 at the transport: logs by checkpoint and by search, users by search, a thousand results at most.

Belongs here: what Auth0's documentation says it does. Does not belong here: what is expected of Nexus.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

import httpx

BASE = "https://company.eu.auth0.example"
_RANGE = re.compile(r"(\w+):([\[{])(\S+) TO (\S+?)([\]}])$")


@dataclass
class Auth0(httpx.BaseTransport):
    """`logs` in the order of their ids, which is not that of their dates."""

    logs: list[dict[str, Any]] = field(default_factory=list)
    users: dict[str, dict[str, Any]] = field(default_factory=dict)
    forbidden: set[str] = field(default_factory=set)
    on_search: Callable[[int], None] = lambda _: None
    valid: str = ""
    accepts: bool = True
    circles: bool = False
    answers: Any = None
    asked: list[httpx.Request] = field(default_factory=list)

    def event(self, identifier: str, date: str, type_: str = "s") -> None:
        self.logs.append({"log_id": identifier, "date": date, "type": type_, "description": "as it went"})

    def user(self, identifier: str, updated: str) -> None:
        self.users[identifier] = {
            "user_id": identifier, "email": "a@shop.example", "created_at": "2026-01-01T00:00:00.000Z",
            "updated_at": updated, "identities": [], "app_metadata": {"customerId": "cus_1"},
        }  # fmt: skip

    def paths(self) -> list[str]:
        return [request.url.path for request in self.asked]

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        request.read()
        self.asked.append(request)
        response = self._answer(request)
        response.request = request
        return response

    def _answer(self, request: httpx.Request) -> httpx.Response:
        if request.url.path == "/oauth/token":
            return self._token(dict(parse_qsl(request.content.decode())))
        if request.headers["authorization"] != f"Bearer {self.valid}" or not self.accepts:
            return _error(401, "Unauthorized", "Invalid token", "invalid_token")
        name = request.url.path.removeprefix("/api/v2/")
        if name in self.forbidden:
            return _error(403, "Forbidden", f"Insufficient scope, expected any of: read:{name}", "insufficient_scope")
        if self.answers is not None:
            return httpx.Response(200, json=self.answers)
        params = dict(request.url.params)
        return self._checkpoint(request, params) if "from" in params else self._search(name, params)

    def _token(self, form: dict[str, str]) -> httpx.Response:
        assert form["audience"] == f"{BASE}/api/v2/"
        if (form["client_id"], form["client_secret"]) != ("app", "secret"):
            return httpx.Response(401, json={"error": "access_denied", "error_description": "Unauthorized"})
        self.valid = f"token-{len(self.asked)}"
        body = {"access_token": self.valid, "expires_in": 86400, "scope": "read:logs read:users"}
        return httpx.Response(200, json=body)

    def _checkpoint(self, request: httpx.Request, params: dict[str, str]) -> httpx.Response:
        assert set(params) == {"from", "take"}
        ids = [event["log_id"] for event in self.logs]
        if params["from"] not in ids:
            return _error(400, "Bad Request", "The log_id is not known", "invalid_query_string")
        start = ids.index(params["from"]) + 1
        part = self.logs[start : start + int(params["take"])]
        url = request.url.copy_set_param("from", part[-1]["log_id"]) if part and not self.circles else request.url
        return httpx.Response(200, json=part, headers={"link": f'<{url}>; rel="next"'})

    def _search(self, name: str, params: dict[str, str]) -> httpx.Response:
        start, size = int(params["page"]) * int(params["per_page"]), int(params["per_page"])
        if start + size > 1000:
            return _error(400, "Bad Request", "You can only page through the first 1000 records.", "invalid_paging")
        found = list(self.users.values()) if name == "users" else self.logs
        if "q" in params:
            assert name != "users" or params["search_engine"] == "v3"
            matched = _RANGE.match(params["q"])
            assert matched, params["q"]
            column, opening, low, high, closing = matched.groups()
            assert params["sort"] == f"{column}:1"
            found = sorted(
                (f for f in found if (low <= f[column] if opening == "[" else low < f[column])),
                key=lambda f: str(f[column]),
            )
            if high != "*":
                found = [f for f in found if (f[column] <= high if closing == "]" else f[column] < high)]
        part = found[start : start + size]
        self.on_search(len(self.asked))
        return httpx.Response(200, json=part)


def _error(status: int, error: str, message: str, code: str) -> httpx.Response:
    return httpx.Response(status, json={"statusCode": status, "error": error, "message": message, "errorCode": code})
