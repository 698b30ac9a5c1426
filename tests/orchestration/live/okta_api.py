"""An Okta at the transport: polled and bounded logs, lists by link headers, groups whose members come and go.

Belongs here: what Okta's documentation says it does. Does not belong here: what is expected of Nexus.
"""

from __future__ import annotations

import base64
import json
import re
import time
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs

import httpx
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

BASE = "https://company.okta.example"


@dataclass
class Okta(httpx.BaseTransport):
    """`stored` is the log in the order in which Okta stored it, which is not that of `published`."""

    stored: list[dict[str, Any]] = field(default_factory=list)
    users: dict[str, dict[str, Any]] = field(default_factory=dict)
    groups: dict[str, dict[str, Any]] = field(default_factory=dict)
    members: dict[str, list[str]] = field(default_factory=dict)
    page: int = 2
    forbidden: set[str] = field(default_factory=set)
    forgets_pages: bool = False
    elsewhere: str = ""
    circles: bool = False
    answers: Any = None
    public_key: rsa.RSAPublicKey | None = None
    granted: str = ""
    limited: int = 0
    asked: list[httpx.Request] = field(default_factory=list)

    def event(self, identifier: str, published: str, **more: Any) -> None:
        self.stored.append(
            {"uuid": identifier, "published": published, "eventType": "user.session.start", "severity": "INFO"} | more
        )

    def user(self, identifier: str, updated: str, status: str = "ACTIVE") -> None:
        profile = {"login": f"{identifier}@shop.example", "email": f"{identifier}@shop.example"}
        self.users[identifier] = {
            "id": identifier, "status": status, "created": "2026-01-01T00:00:00.000Z", "lastUpdated": updated,
            "profile": profile,
        }  # fmt: skip

    def group(self, identifier: str, changed: str, *members: str, kind: str = "OKTA_GROUP", name: str = "") -> None:
        self.groups[identifier] = {
            "id": identifier, "created": "2026-01-01T00:00:00.000Z", "lastUpdated": "2026-01-01T00:00:00.000Z",
            "lastMembershipUpdated": changed, "type": kind, "profile": {"name": name or identifier},
        }  # fmt: skip
        self.members[identifier] = list(members)

    def paths(self) -> list[str]:
        return [request.url.path.removeprefix("/api/v1/") for request in self.asked]

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        request.read()
        self.asked.append(request)
        response = self._answer(request)
        response.request = request
        return response

    def _answer(self, request: httpx.Request) -> httpx.Response:
        path, params = request.url.path, dict(request.url.params)
        if path == "/oauth2/v1/token":
            return self._token(request)
        who = request.headers["authorization"]
        if who != ("SSWS token" if self.public_key is None else f"Bearer {self.granted}"):
            return _error(401, "E0000011", "Invalid token provided")
        if self.limited:
            self.limited -= 1
            headers = {"X-Rate-Limit-Limit": "60", "X-Rate-Limit-Remaining": "0"}
            headers["X-Rate-Limit-Reset"] = str(int(time.time()) + 2)
            response = _error(429, "E0000047", "API call exceeded rate limit due to too many requests.")
            response.headers.update(headers)
            return response
        name = path.removeprefix("/api/v1/")
        if {name.split("/")[0], "/".join(name.split("/")[:2])} & self.forbidden:
            return _error(403, "E0000006", "You do not have permission to perform the requested action")
        if self.answers is not None:
            return httpx.Response(200, json=self.answers)
        if name == "logs":
            return self._logs(request, params)
        if name == "users":
            found = _filtered(list(self.users.values()), params.get("filter"))
        elif name == "groups":
            found = _filtered(list(self.groups.values()), params.get("filter"))
        else:
            found = [{"id": user} for user in self.members[name.split("/")[1]]]
        return self._listed(request, params, found)

    def _token(self, request: httpx.Request) -> httpx.Response:
        assert self.public_key is not None
        form = {name: values[0] for name, values in parse_qs(request.content.decode()).items()}
        signed, _, signature = form["client_assertion"].rpartition(".")
        self.public_key.verify(_decoded(signature), signed.encode(), padding.PKCS1v15(), hashes.SHA256())
        claims = json.loads(_decoded(signed.split(".")[1]))
        assert claims["aud"] == f"{BASE}/oauth2/v1/token"
        assert (claims["iss"], claims["sub"]) == ("0oaApp", "0oaApp")
        self.granted = f"jwt-{len(self.asked)}"
        return httpx.Response(200, json={"access_token": self.granted, "expires_in": 3600, "scope": form["scope"]})

    def _logs(self, request: httpx.Request, params: dict[str, str]) -> httpx.Response:
        assert params.get("sortOrder") == "ASCENDING" or params["limit"] == "1"
        after = params.get("after")
        if after is not None and self.forgets_pages:
            self.forgets_pages = False
            return _error(400, "E0000031", "Invalid search criteria.")
        events = self.stored
        if "until" in params:
            events = sorted(events, key=lambda e: str(e["published"]))
            events = [e for e in events if params["since"] <= e["published"] < params["until"]]
        start = int(after or 0)
        part = [e for e in events[start : start + self.page] if "after" in params or e["published"] >= params["since"]]
        polled = "until" not in params
        more = polled or start + self.page < len(events)
        return self._linked(request, part, str(min(start + self.page, len(events))) if more else None)

    def _listed(self, request: httpx.Request, params: dict[str, str], found: list[Any]) -> httpx.Response:
        start = int(params.get("after", 0))
        more = start + self.page < len(found)
        return self._linked(request, found[start : start + self.page], str(start + self.page) if more else None)

    def _linked(self, request: httpx.Request, part: list[Any], after: str | None) -> httpx.Response:
        links = [("link", f'<{request.url}>; rel="self"')]
        if after is not None:
            url = request.url if self.circles else request.url.copy_set_param("after", after)
            links.append(("link", f'<{str(url).replace(BASE, self.elsewhere or BASE)}>; rel="next"'))
        return httpx.Response(200, json=part, headers=links)


def _filtered(found: list[dict[str, Any]], filter_: str | None) -> list[dict[str, Any]]:
    if filter_ is None:  # a list without filter leaves out whom it calls deactivated
        return [thing for thing in found if thing.get("status") != "DEPROVISIONED"]
    terms = re.findall(r'(\w+) (gt|ge|lt) "([^"]+)"', filter_)
    assert terms, filter_
    holds = {"gt": str.__gt__, "ge": str.__ge__, "lt": str.__lt__}
    together = all if " and " in filter_ else any
    return [
        thing
        for thing in found
        if together(holds[how](str(thing.get(name, "")), moment) for name, how, moment in terms)
    ]


def _error(status: int, code: str, summary: str) -> httpx.Response:
    return httpx.Response(status, json={"errorCode": code, "errorSummary": summary, "errorCauses": []})


def _decoded(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
