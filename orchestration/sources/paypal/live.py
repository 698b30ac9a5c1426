"""PayPal live: the transaction report by windows of time, and what its entries name: subscriptions and payouts.

Belongs here: windows, lateness, what is asked by id, permissions. Does not belong here: columns and SQL of the contract.
https://developer.paypal.com/docs/api/transaction-search/v1/ and its published OpenAPI, which say:

- a window holds 31 days at most, and of a window no more than 10,000 entries are given: a fuller one is halved;
- the report goes back three years; an entry appears in it up to three hours late, and the report as a whole is true as of
  `last_refreshed_datetime`, beyond which the cursor does not move;
- it is filtered by when a transaction began, so a change of an older one (a pending payment that succeeds) is seen only by
  asking for its time again: every pull for the last six hours, once a day for the last `revisit_days`.
- there is no list of subscriptions or of payouts: they are asked for by the ids that entries of the report name.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
from pydantic import Field

from orchestration.live.http import Client, Refused
from orchestration.live.oauth import ClientCredentials
from orchestration.live.spec import Cursor, Live, LiveConfig, Page, Secret, Span, Stream
from orchestration.sources.paypal.named import Named
from orchestration.sources.paypal.permissions import HINT, check

_WINDOW = timedelta(days=31)
_KEPT = timedelta(days=3 * 365 - 1)
#: Twice the three hours that PayPal allows itself.
_LATE = timedelta(hours=6)
_PAGE, _MOST = 500, 10_000
_TOO_LARGE = "RESULTSET_TOO_LARGE"
_SHORTEST = timedelta(seconds=2)


class Config(LiveConfig):
    """Options of a PayPal connection."""

    client_id: Secret
    client_secret: Secret
    api_base: str = Field(default="https://api-m.paypal.com", description="the sandbox is api-m.sandbox.paypal.com")
    revisit_days: int = Field(default=31, ge=1, le=1095, description="once a day, so many days are asked for again")


def open_live(config: Config, transport: httpx.BaseTransport | None = None) -> Live:
    """Streams of the account that the app belongs to."""

    def ask() -> httpx.Request:
        request = httpx.Request(
            "POST", f"{config.api_base}/v1/oauth2/token", data={"grant_type": "client_credentials"}
        )  # fmt: skip
        who = httpx.BasicAuth(config.client_id.get_secret_value(), config.client_secret.get_secret_value())
        return next(who.auth_flow(request))

    auth = ClientCredentials("PayPal", ask, hint=HINT)
    client = Client("PayPal", config.api_base, hint=HINT, auth=auth, transport=transport)
    report, named = Report(client, config), Named(client)
    streams = [
        Stream("transaction", report.pages, report.between, "Entries of the transaction report"),
        Stream(
            "subscription", named.subscriptions, None, "Subscriptions that entries of the report name",
            knows=("transaction", "subscription"),
        ),
        Stream(
            "payout", named.payouts, None, "Batches of payouts that entries of the report name",
            knows=("transaction", "payout_item"),
        ),
    ]  # fmt: skip
    return Live(streams, lambda: check(client), close=client.close)


class Report:
    """The transaction report as a stream."""

    def __init__(
        self, client: Client, config: Config, clock: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        self._client, self._config, self._clock = client, config, clock

    def pages(self, cursor: Cursor) -> Iterator[Page]:
        """Entries since the cursor, with the overlap, window by window; the cursor moves when a window is whole."""
        now = self._clock().replace(microsecond=0)
        start, revisited = max(self._config.since_at, now - _KEPT), now
        if "until" in cursor:
            until, revisited = (datetime.fromisoformat(cursor[name]) for name in ("until", "revisited"))
            if now - revisited >= timedelta(days=1):
                start, revisited = max(start, until - timedelta(days=self._config.revisit_days)), now
            else:
                start = max(start, until - _LATE)
        while start < now:
            end = min(start + _WINDOW, now)
            refreshed = None
            for answer in self._answers(start, end):
                refreshed = _refreshed(answer)
                yield Page(cursor, answer.get("transaction_details") or [])
            until = min(end, refreshed) if refreshed else end
            cursor = {"until": until.isoformat(), "revisited": revisited.isoformat()}
            yield Page(cursor)
            if until < end:
                return
            start = end

    def between(self, span: Span) -> Iterator[Page]:
        """Entries that began in a span of time."""
        start = max(span.start, self._clock().replace(microsecond=0) - _KEPT)
        while start < span.end:
            end = min(start + _WINDOW, span.end)
            for answer in self._answers(start, end):
                yield Page({}, answer.get("transaction_details") or [])
            start = end

    def _answers(self, start: datetime, end: datetime) -> Iterator[Mapping[str, Any]]:
        """All pages of one window, or of its halves if it holds more than PayPal gives."""
        first = self._answer(start, end, 1)
        if first is None:
            middle = (start + (end - start) / 2).replace(microsecond=0)
            yield from self._answers(start, middle)
            yield from self._answers(middle, end)
            return
        yield first
        for number in range(2, int(first.get("total_pages") or 1) + 1):
            more = self._answer(start, end, number)
            if more is not None:
                yield more

    def _answer(self, start: datetime, end: datetime, page: int) -> Mapping[str, Any] | None:
        """One page; None where the window is too full and can still be halved."""
        params = {
            "start_date": _written(start), "end_date": _written(end), "fields": "all", "page_size": _PAGE, "page": page,
        }  # fmt: skip
        divisible = page == 1 and end - start > _SHORTEST
        try:
            answer: dict[str, Any] = self._client.json("/v1/reporting/transactions", params)
        except Refused as error:
            if divisible and _TOO_LARGE in _issues(error.body):
                return None
            raise
        return None if divisible and int(answer.get("total_items") or 0) > _MOST else answer


def _written(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _issues(body: Any) -> set[str]:
    """What an error is called: in its name, or in its details."""
    if not isinstance(body, dict):
        return set()
    return {str(body.get("name")), *(str(detail.get("issue")) for detail in body.get("details") or [])}


def _refreshed(answer: Mapping[str, Any]) -> datetime | None:
    text = answer.get("last_refreshed_datetime")
    return datetime.fromisoformat(text) if text else None
