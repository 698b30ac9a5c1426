"""Secrets of endpoints and the signatures made with them (https://www.standardwebhooks.com).

Belongs here: making, sealing, opening, signing. Does not belong here: which secrets an endpoint has.
"""

from __future__ import annotations

import base64
import secrets
from collections.abc import Iterable
from datetime import datetime

from standardwebhooks import Webhook

from nexus.sealing import Sealer
from nexus.settings import Settings

#: Bytes of a secret; the specification asks for 24 to 64.
BYTES = 32


def sealer(settings: Settings) -> Sealer:
    return Sealer(settings, "webhook-secret")


def new_secret() -> str:
    return "whsec_" + base64.b64encode(secrets.token_bytes(BYTES)).decode()


def headers(message: str, at: datetime, body: str, signing: Iterable[str]) -> dict[str, str]:
    """The three headers of a message: one signature by each of the secrets, so that a receiver may know any of them."""
    return {
        "webhook-id": message,
        "webhook-timestamp": str(int(at.timestamp())),
        "webhook-signature": " ".join(Webhook(secret).sign(message, at, body) for secret in signing),
    }
