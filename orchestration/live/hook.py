"""What a source offers whose provider posts to us: `orchestration/sources/<source>/webhook.py` has `open_hook`.

    def open_hook(config: Config, transport: httpx.BaseTransport | None = None) -> Hook | None: ...

Belongs here: these forms. Does not belong here: landing (receiving.py), HTTP (api/sources).
The signature is all that says who posts: a hook answers nothing of what it was sent before it has verified it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import httpx

from nexus.signatures import SignatureError

__all__ = ["Delivery", "Hook", "HookModule", "SignatureError"]


@dataclass(frozen=True, slots=True)
class Delivery:
    """What one verified request brings. `token` may be used by one body only, where the signature covers no body."""

    documents: Sequence[Mapping[str, Any]]
    token: str | None = None


class Hook(Protocol):
    """Verifies one request. Header names are lower case. Raises SignatureError, or InputError for what is no event."""

    def accept(self, headers: Mapping[str, str], body: bytes) -> Delivery: ...


class HookModule(Protocol):
    """`orchestration/sources/<source>/webhook.py`. None where the connection is configured for no webhook."""

    @staticmethod
    def open_hook(config: Any, transport: httpx.BaseTransport | None = None) -> Hook | None: ...
