"""A Stripe at the transport: lists by path, newest first, expansion, what a version or a key refuses, a clock.

Belongs here: what Stripe's documentation says it does. Does not belong here: what is expected of Nexus.
"""

from __future__ import annotations

from email.utils import formatdate
from typing import Any

import httpx


class Account(httpx.BaseTransport):
    """Lists of `things` by path; newest first, as Stripe sorts them; pages of `limit`, `inside` links in an invoice."""

    def __init__(self, things: dict[str, list[dict[str, Any]]], **answers: Any) -> None:
        self.things, self.answers = things, answers
        self.asked: list[str] = []
        self.now: float | None = None
        self.denied: set[str] = set()
        #: Since API version 2025-03-31 the payments of an invoice are a list that can be expanded.
        self.expands = True
        self.inside = 10

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        response = self._answer(request)
        if self.now is not None:
            response.headers["date"] = formatdate(self.now, usegmt=True)
        return response

    def _answer(self, request: httpx.Request) -> httpx.Response:
        path = request.url.path.removeprefix("/v1/")
        self.asked.append(path)
        assert len(self.asked) < 1000, "asked for ever"
        assert request.headers["authorization"] == "Bearer sk_test_1"
        params = request.url.params
        expanded = params.get("expand[]")
        if path in self.denied:
            return _error(request, 403, "The provided key does not have the required permissions for this endpoint.")
        if expanded and not self.expands:
            return _error(request, 400, "This property cannot be expanded (payments).")
        if path in self.answers:
            return httpx.Response(200, json=self.answers[path], request=request)
        base, _, identifier = path.partition("/")
        if identifier and path not in self.things:
            assert expanded in (None, "payments")
            return self._one(request, base, identifier, expanded)
        assert expanded in (None, "data.payments")
        found = self.things.get(path, [])
        if "invoice" in params:
            found = [thing for thing in found if thing["invoice"] == params["invoice"]]
        after, limit = params.get("starting_after"), int(params.get("limit", 10))
        low, high = int(params.get("created[gte]", 0)), int(params.get("created[lt]", 1 << 40))
        # whatever it shows as the time, Stripe knows when it was made
        kept = [
            t for t in found if low <= (at if isinstance(at := t.get("created", low), int) else self.now or 0) < high
        ]
        ids = [t["id"] for t in kept]
        if after and after not in ids:
            return _error(
                request, 400, f"No such object: '{after}'", code="resource_missing", param="starting_after"
            )  # fmt: skip
        start = ids.index(after) + 1 if after else 0
        page = [self._shown(t, expanded) for t in kept[start : start + limit]]
        body = {"object": "list", "data": page, "has_more": start + limit < len(kept), "url": f"/v1/{path}"}
        return httpx.Response(200, json=body, request=request)

    def _one(self, request: httpx.Request, base: str, identifier: str, expanded: str | None) -> httpx.Response:
        for thing in self.things.get(base, []):
            if thing["id"] == identifier:
                return httpx.Response(200, json=self._shown(thing, expanded), request=request)
        return _error(request, 404, f"No such object: '{identifier}'", code="resource_missing", param="id")

    def _shown(self, thing: dict[str, Any], expanded: str | None) -> dict[str, Any]:
        if not expanded:
            return thing
        links = [link for link in self.things.get("invoice_payments", []) if link["invoice"] == thing["id"]]
        inside = {"object": "list", "data": links[: self.inside], "has_more": len(links) > self.inside}
        return {**thing, "payments": inside}


def _error(request: httpx.Request, status: int, message: str, **more: str) -> httpx.Response:
    error = {"type": "invalid_request_error", "message": message, **more}
    return httpx.Response(status, json={"error": error}, request=request)
