"""Webhooks of the senders of mail: proof that the provider sent a request, and the events in it.

Belongs here: SendGrid, Mailgun, Postmark. Does not belong here: SNS, by which SES posts (sns.py), landing (orchestration/live).
SendGrid: https://www.twilio.com/docs/sendgrid/for-developers/tracking-events/getting-started-event-webhook-security-features
Mailgun: https://documentation.mailgun.com/docs/mailgun/user-manual/webhooks/securing-webhooks
Postmark: https://postmarkapp.com/developer/webhooks/webhooks-overview
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import httpx
import orjson

from nexus.errors import InputError
from nexus.signatures import must_be_recent
from orchestration.live.hook import Delivery, Hook, SignatureError
from orchestration.sources.email_events.live import Config
from orchestration.sources.email_events.sns import Topic

#: Providers try again for a day and do not say whether they sign anew: older than that is a replay. A replay that is younger
#: changes nothing, because its records have landed under their ids.
OLDEST, YOUNGEST = 25 * 3600, -300
Clock = Callable[[], float]


def open_hook(config: Config, transport: httpx.BaseTransport | None = None) -> Hook | None:
    """The hook of the connection's provider; None where it is not configured."""
    match config.provider:
        case "ses" if config.topic_arn:
            return Topic(config.topic_arn, transport)
        case "sendgrid" if config.verification_key:
            return SendGrid(config.verification_key)
        case "mailgun" if config.signing_key:
            return Mailgun(config.signing_key.get_secret_value())
        case "postmark" if config.webhook_user and config.webhook_password:
            return Postmark(config.webhook_user, config.webhook_password.get_secret_value())
    return None


@dataclass(frozen=True, slots=True)
class SendGrid:
    """ECDSA over time stamp and body. `key` is the public one, as SendGrid shows it (base64 of DER)."""

    key: str
    clock: Clock = field(default=time.time)

    def accept(self, headers: Mapping[str, str], body: bytes) -> Delivery:
        from cryptography.exceptions import InvalidSignature
        from cryptography.hazmat.primitives.asymmetric import ec
        from cryptography.hazmat.primitives.hashes import SHA256
        from cryptography.hazmat.primitives.serialization import load_der_public_key

        stamp = headers.get("x-twilio-email-event-webhook-timestamp", "")
        key = load_der_public_key(base64.b64decode(self.key))
        assert isinstance(key, ec.EllipticCurvePublicKey)
        try:
            signature = base64.b64decode(headers.get("x-twilio-email-event-webhook-signature", ""), validate=True)
            key.verify(signature, stamp.encode() + body, ec.ECDSA(SHA256()))
        except (InvalidSignature, binascii.Error, ValueError):
            raise SignatureError("the signature does not belong to this body") from None
        must_be_recent(stamp, self.clock(), oldest=OLDEST, youngest=YOUNGEST)
        return Delivery(_events(_parsed(body)))


@dataclass(frozen=True, slots=True)
class Mailgun:
    """HMAC over time stamp and token, not over the body: so a token stands for the body it came with, and no other."""

    key: str
    clock: Clock = field(default=time.time)

    def accept(self, headers: Mapping[str, str], body: bytes) -> Delivery:
        found = _parsed(body, SignatureError("the request is not signed"))
        signed = found.get("signature") if isinstance(found, dict) else None
        if not isinstance(signed, dict):
            raise SignatureError("the request is not signed")
        stamp, token, signature = (str(signed.get(name, "")) for name in ("timestamp", "token", "signature"))
        made = hmac.new(self.key.encode(), (stamp + token).encode(), hashlib.sha256).hexdigest()
        if not token or not hmac.compare_digest(made.encode(), signature.encode()):
            raise SignatureError("the signature does not belong to this token")
        must_be_recent(stamp, self.clock(), oldest=OLDEST, youngest=YOUNGEST)
        return Delivery(_events(found.get("event-data")), token)


@dataclass(frozen=True, slots=True)
class Postmark:
    """Postmark signs nothing: name and password, which stand in the address it posts to (https only), are the proof."""

    user: str
    password: str

    def accept(self, headers: Mapping[str, str], body: bytes) -> Delivery:
        wanted = b"Basic " + base64.b64encode(f"{self.user}:{self.password}".encode())
        if not hmac.compare_digest(headers.get("authorization", "").encode(), wanted):
            raise SignatureError("name or password is not that of the connection")
        return Delivery(_events(_parsed(body)))


def _parsed(body: bytes, otherwise: Exception | None = None) -> Any:
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        raise otherwise or InputError("the body is not JSON") from None


def _events(found: Any) -> list[dict[str, Any]]:
    events = found if isinstance(found, list) else [found]
    if not all(isinstance(event, dict) for event in events):
        raise InputError("the body holds something that is no event")
    return events
