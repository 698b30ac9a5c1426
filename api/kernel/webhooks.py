"""Webhooks of others, signed as Standard Webhooks: believed once verified, with their effect once.

Belongs here: the dependency by which a slice takes such a message. Does not belong here: whose secrets there are (the
slice), providers with a scheme of their own (api/sources).

    async def of_partner(request: Request, session: Transaction) -> Sender:
        row = …                                     # by the path; NotFoundError if there is none
        return Sender(f"partners.{row.id}", [row.secret], Tenant(row.organisation_id))

    @router.post("/partners/{partner_id}/webhook", dependencies=[public("the partner signs"), unkeyed("webhook-id tells")])
    async def hear(message: Annotated[Message, signed(of_partner)], session: Transaction) -> None:
        if not message.is_repeated:
            await apply(session, message.json())

The id of the message is remembered in the transaction of its effect: either both are there or neither. A repetition is to
be answered like the first, so that its sender stops. Two at once: the second waits for the first, and is a repetition.
"""

from __future__ import annotations

import re
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import orjson
from fastapi import Depends, Request
from standardwebhooks import Webhook, WebhookVerificationError

from api.kernel.transactions import Transaction
from nexus.errors import InputError
from nexus.events import inbox
from nexus.signatures import SignatureError, must_be_recent
from nexus.tenancy import Tenant

#: Seconds that the clocks of both sides may differ, in either direction.
TOLERANCE = 300
_ID = re.compile(r"[!-~]{1,200}")
_STAMP = re.compile(r"[0-9]{1,11}")


@dataclass(frozen=True, slots=True)
class Sender:
    """Who may post here. `name` (`<domain>.<whose>`) tells their ids from others'; any of `secrets` (`whsec_…`) may have
    signed, so that they can be rotated. From then on the transaction acts for `tenant`, if one is given."""

    name: str
    secrets: Sequence[str] = field(repr=False)
    tenant: Tenant | None = None


@dataclass(frozen=True, slots=True)
class Message:
    """One that its sender has signed. `is_repeated`: it has had its effect already."""

    id: str
    at: datetime
    body: bytes
    is_repeated: bool

    def json(self) -> Any:
        """Raises InputError."""
        try:
            return orjson.loads(self.body)
        except orjson.JSONDecodeError:
            raise InputError("the body is not JSON") from None


def verify(headers: Mapping[str, str], body: bytes, secrets: Sequence[str], now: float) -> tuple[str, datetime]:
    """Id and time of a message that one of `secrets` has signed. Names of headers in lower case. Raises SignatureError."""
    id, stamp, signatures = (headers.get(f"webhook-{name}", "") for name in ("id", "timestamp", "signature"))
    if not (_ID.fullmatch(id) and _STAMP.fullmatch(stamp) and signatures):
        raise SignatureError(
            "the request is not signed", remedy="send webhook-id, webhook-timestamp and webhook-signature"
        )
    must_be_recent(stamp, now, oldest=TOLERANCE, youngest=-TOLERANCE)
    if not any(_signed(secret, headers, body) for secret in secrets if secret.removeprefix("whsec_")):
        raise SignatureError("the signature does not belong to this body", remedy="sign the body byte by byte as sent")
    return id, datetime.fromtimestamp(int(stamp), UTC)


def _signed(secret: str, headers: Mapping[str, str], body: bytes) -> bool:
    try:
        Webhook(secret).verify(body, dict(headers), json_parse=False)
    except (WebhookVerificationError, ValueError):
        # of malformed base64 and text the library tells as it finds it
        return False
    return True


def signed(whose: Callable[..., Awaitable[Sender]]) -> Any:
    """The dependency of a signature: `Annotated[Message, signed(of_partner)]`. `whose` is a dependency itself."""

    async def message(request: Request, session: Transaction, sender: Sender = Depends(whose)) -> Message:
        body = await request.body()
        id, at = verify(request.headers, body, sender.secrets, time.time())
        if sender.tenant is not None:
            await session.act_for(sender.tenant)
        fresh = await inbox.accept(session, f"webhook.{sender.name}", [id])
        return Message(id, at, body, is_repeated=id not in fresh)

    return Depends(message)
