"""Whether PayPal lets an app read what a pull needs, and what to tick where it does not.

Belongs here: the questions and their remedies. Does not belong here: pulling.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from nexus.doctor import Finding
from nexus.errors import InputError
from orchestration.live.http import Client, Refused

HINT = (
    "check `client_id`, `client_secret` and `api_base` (a sandbox app works at api-m.sandbox.paypal.com only); the app "
    "needs the features that `nexus sources test` lists"
)
_TICK = "tick it under Apps & Credentials → your app → Features; it works up to nine hours later"


def check(client: Client) -> Iterator[Finding]:
    """One question to each API; a first one that fails for the credentials themselves ends it."""
    now = datetime.now(UTC)
    span: dict[str, Any] = {
        "start_date": f"{now - timedelta(days=2):%Y-%m-%dT%H:%M:%SZ}", "end_date": f"{now:%Y-%m-%dT%H:%M:%SZ}",
        "page_size": 1,
    }  # fmt: skip
    questions: tuple[tuple[str, str, dict[str, Any]], ...] = (
        ("Transaction search", "/v1/reporting/transactions", span),
        ("Subscriptions", "/v1/billing/plans", {"page_size": 1}),
        # there is no list of payouts: who may read them learns that this one does not exist
        ("Payouts", "/v1/payments/payouts/NEXUSASKSWHETHERITMAY", {}),
    )
    for feature, path, params in questions:
        try:
            client.find(path, params)
        except Refused as error:
            yield Finding(feature, "fail", error.message, _TICK if error.answered == 403 else HINT)
        except InputError as error:
            yield Finding("credentials", "fail", error.message, error.remedy or HINT)
            return
        else:
            yield Finding(feature, "ok", "may be read")
