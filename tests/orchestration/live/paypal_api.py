"""A PayPal at the transport, strict where PayPal is: tokens, windows, lateness, what may be asked how.

Belongs here: what PayPal's documentation says it does. Does not belong here: what is expected of Nexus.
"""

from __future__ import annotations

import base64
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx

from tests.orchestration.live.published import Published

NOT_AUTHORIZED = {
    "name": "NOT_AUTHORIZED", "message": "Authorization failed due to insufficient permissions.", "debug_id": "d",
}  # fmt: skip
NOT_FOUND = {"name": "RESOURCE_NOT_FOUND", "message": "The specified resource does not exist.", "debug_id": "d"}


@dataclass
class PayPal(httpx.BaseTransport):
    """`entries` hold (initiated, seen in the report from, document)."""

    published: Published = field(default_factory=Published)
    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    lag: timedelta = timedelta(hours=3)
    most: int = 10_000
    entries: list[tuple[datetime, datetime, dict[str, Any]]] = field(default_factory=list)
    subscriptions: dict[str, dict[str, Any]] = field(default_factory=dict)
    payouts: dict[str, dict[str, Any]] = field(default_factory=dict)
    forbidden: set[str] = field(default_factory=set)
    valid: str = ""
    tokens: int = 0
    accepts: bool = True
    asked: list[httpx.Request] = field(default_factory=list)

    def entry(self, identifier: str, initiated: datetime, *, late: timedelta = timedelta(0), **info: Any) -> None:
        """An entry of the report; seen `late` after it began."""
        at = initiated.strftime("%Y-%m-%dT%H:%M:%SZ")
        document = {
            "transaction_id": identifier, "transaction_event_code": "T0006", "transaction_status": "S",
            "transaction_initiation_date": at, "transaction_updated_date": at,
            "transaction_amount": {"currency_code": "EUR", "value": "10.00"}, **info,
        }  # fmt: skip
        self.entries = [e for e in self.entries if e[2]["transaction_info"]["transaction_id"] != identifier]
        self.entries.append((initiated, initiated + late, {"transaction_info": document}))

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        request.read()
        self.asked.append(request)
        if request.url.path == "/v1/oauth2/token":
            return self._token(request)
        response = self._answer(request)
        response.request = request
        self.published.check(request, response)
        return response

    def paths(self) -> list[str]:
        return [request.url.path for request in self.asked]

    def _token(self, request: httpx.Request) -> httpx.Response:
        user = base64.b64decode(request.headers["authorization"].removeprefix("Basic ")).decode()
        assert (request.method, request.content) == ("POST", b"grant_type=client_credentials")
        if user != "app:secret":
            error = {"error": "invalid_client", "error_description": "Client Authentication failed"}
            return httpx.Response(401, json=error, request=request)
        self.tokens += 1
        self.valid = f"A21.token-{self.tokens}"
        body = {"access_token": self.valid, "token_type": "Bearer", "expires_in": 32400, "scope": "openid"}
        return httpx.Response(200, json=body, request=request)

    def _answer(self, request: httpx.Request) -> httpx.Response:
        if request.headers.get("authorization") != f"Bearer {self.valid}" or not self.accepts:
            message = (
                "Authentication failed due to missing authorization header, or invalid authentication credentials."
            )
            return httpx.Response(401, json={"name": "AUTHENTICATION_FAILURE", "message": message, "debug_id": "d"})
        path = request.url.path
        if any(part in path for part in self.forbidden):
            return httpx.Response(403, json=NOT_AUTHORIZED)
        if path == "/v1/reporting/transactions":
            return self._report(request.url.params)
        if path == "/v1/billing/plans":
            return httpx.Response(200, json={"plans": []})
        kind, identifier = path.rsplit("/", 2)[-2:]
        found = {"subscriptions": self.subscriptions, "payouts": self.payouts}[kind].get(identifier)
        if found is None:
            return httpx.Response(404, json=NOT_FOUND)
        if kind == "payouts":
            page, size = int(request.url.params["page"]), 2
            items = found["items"][(page - 1) * size : page * size]
            pages = -(-len(found["items"]) // size)
            return httpx.Response(
                200, json={**found, "items": items, "total_items": len(found["items"]), "total_pages": pages}
            )
        return httpx.Response(200, json=found)

    def _report(self, params: httpx.QueryParams) -> httpx.Response:
        start, end = (datetime.fromisoformat(params[name]) for name in ("start_date", "end_date"))
        assert params.get("fields") == "all" or params["page_size"] == "1"
        refreshed = self.now() - self.lag
        if end - start > timedelta(days=31) or start > refreshed or start < self.now() - timedelta(days=3 * 365):
            return httpx.Response(400, json=_invalid("INVALID_DATE_RANGE"))
        found = [
            document for begun, seen, document in self.entries
            if start <= begun <= end and begun <= refreshed and seen <= self.now()
        ]  # fmt: skip
        if len(found) > self.most:
            return httpx.Response(400, json=_invalid("RESULTSET_TOO_LARGE"))
        page, size = int(params.get("page", 1)), int(params["page_size"])
        part = found[(page - 1) * size : page * size]
        body: dict[str, Any] = {
            "account_number": "XZXSPECPDZHZU", "start_date": params["start_date"], "end_date": params["end_date"],
            "last_refreshed_datetime": refreshed.strftime("%Y-%m-%dT%H:%M:%SZ"), "page": page,
            "total_items": len(found), "total_pages": max(1, -(-len(found) // size)),
        }  # fmt: skip
        return httpx.Response(200, json=body | ({"transaction_details": part} if part else {}))


def _invalid(issue: str) -> dict[str, Any]:
    return {
        "name": "INVALID_REQUEST", "debug_id": "d",
        "message": "Request is not well-formed, syntactically incorrect, or violates schema.",
        "details": [{"issue": issue, "location": "query", "field": "start_date"}],
    }  # fmt: skip
