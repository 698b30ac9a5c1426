"""Subscriptions and payouts, which PayPal gives by id only: which ids are known, and when each is asked for again.

Belongs here: finding ids in what has landed, pulled or from exports. Does not belong here: the transaction report (live.py).

An id is asked for when an entry of the report that names it has landed since the last pull, and once a day while it is open:
a cancellation leaves no entry. A subscription that was never paid is known only from an export.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote

from orchestration.live.http import Client
from orchestration.live.spec import Cursor, Landed, Page

_AGAIN = timedelta(days=1)
_PER_PAGE = 50
#: What entries name, and what is still open of what has landed.
_SUBSCRIPTIONS = (
    """select distinct reference_id from raw_paypal__transaction
    where reference_id_type = 'SUB' and reference_id is not null""",
    "select id from raw_paypal__subscription where status not in ('CANCELLED', 'EXPIRED')",
)
#: Mass payments (T0001) name their batch; one is open until every item has reached its end.
_PAYOUTS = (
    """select distinct reference_id from raw_paypal__transaction
    where event_code = 'T0001' and reference_id is not null""",
    """select distinct payout_batch_id from raw_paypal__payout_item
    where batch_status in ('PENDING', 'PROCESSING', 'NEW') or status in ('PENDING', 'UNCLAIMED', 'ONHOLD')""",
)


class Named:
    """Things known by id as streams."""

    def __init__(self, client: Client, clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._client, self._clock = client, clock

    def subscriptions(self, cursor: Cursor, landed: Landed) -> Iterator[Page]:
        """Each subscription with its plan, as it is now."""

        def found(identifier: str) -> list[Any]:
            params = {"fields": "plan,last_failed_payment"}
            subscription = self._client.find(f"/v1/billing/subscriptions/{quote(identifier, safe='')}", params)
            return [subscription] if subscription else []

        return self._asked(cursor, landed, _SUBSCRIPTIONS, found)

    def payouts(self, cursor: Cursor, landed: Landed) -> Iterator[Page]:
        """Each batch with all its items, as it is now."""

        def found(identifier: str) -> list[Any]:
            pages: list[Any] = []
            total = 1
            while len(pages) < total:
                params = {"page_size": 1000, "page": len(pages) + 1, "total_required": "true"}
                answer = self._client.find(f"/v1/payments/payouts/{quote(identifier, safe='')}", params)
                if answer is None:
                    break
                pages.append(answer)
                total = int(answer.get("total_pages") or 1)
            return pages

        return self._asked(cursor, landed, _PAYOUTS, found)

    def _asked(
        self, cursor: Cursor, landed: Landed, queries: tuple[str, str], found: Callable[[str], list[Any]]
    ) -> Iterator[Page]:  # fmt: skip
        """What `found` gives for every id that is due. A run that broke off goes on after its last id."""
        began = datetime.fromisoformat(cursor["began"]) if "began" in cursor else self._clock()
        all_at = cursor.get("all_at")
        everything = all_at is None or began - datetime.fromisoformat(all_at) >= _AGAIN
        # what lands while this run asks is asked for by the next one, and whose clock says what does not matter
        upto = cursor["upto"] if "upto" in cursor else landed.settled()
        names, still_open = queries
        due = {row[0] for row in landed(names, after=cursor.get("seq", 0))}
        if everything:
            due |= {row[0] for row in landed(still_open)}
        identifiers = sorted(identifier for identifier in due if identifier > cursor.get("after", ""))
        for start in range(0, len(identifiers), _PER_PAGE):
            part = identifiers[start : start + _PER_PAGE]
            documents = [document for identifier in part for document in found(identifier)]
            yield Page({**cursor, "began": began.isoformat(), "upto": upto, "after": part[-1]}, documents)
        yield Page({"seq": upto, "all_at": began.isoformat() if everything else all_at})
