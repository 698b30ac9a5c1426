"""API keys as text: made, recognised, hashed.

Belongs here: the form. Does not belong here: whose a key is.

    nxk_<8 letters, shown in lists>_<43 letters, 256 random bits>

The beginning lets secret scanners find a leaked key. 256 random bits need no slow hash: SHA-256 cannot be searched.
"""

from __future__ import annotations

import hashlib
import re
import secrets
from dataclasses import dataclass

MARK = "nxk_"
_FORM = re.compile(r"nxk_[0-9a-z]{8}_[0-9A-Za-z_-]{43}")
_LETTERS = "0123456789abcdefghijklmnopqrstuvwxyz"


@dataclass(frozen=True, slots=True)
class Secret:
    """A new key: `text` is shown once, `hash` is kept."""

    text: str
    prefix: str
    hash: bytes


def new() -> Secret:
    prefix = MARK + "".join(secrets.choice(_LETTERS) for _ in range(8))
    text = f"{prefix}_{secrets.token_urlsafe(32)}"
    return Secret(text, prefix, digest(text))


def digest(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()


def is_key(text: str) -> bool:
    return _FORM.fullmatch(text) is not None
