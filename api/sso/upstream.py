"""What a provider says of somebody, whatever it speaks, and the words in which that is refused.

Belongs here: the form that both protocols end in. Does not belong here: either protocol, whom it is (people.py).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from nexus.errors import NexusError, Permanent

SSO = "sso"
#: Methods (RFC 8176) that a trusted provider may tell us of.
KNOWN_METHODS = frozenset({"pwd", "otp", "hwk", "swk", "sms", "pin", "mfa", "fpt", "face", "user", "kba"})


class UpstreamError(NexusError, Permanent):
    """What came back from the provider opens nothing. `reason` is a word, the message a sentence for who administers."""

    exit_code, status, code = 2, 403, "sso_refused"

    def __init__(self, reason: str, message: str, *, remedy: str | None = None) -> None:
        super().__init__(message, remedy=remedy)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Vouched:
    """`subject` is the provider's name for them, for ever. `is_email_verified`: by its own word, or because it owns the domain.

    `methods` are how they proved themselves there, `authenticated_at` when, if it says so.
    """

    subject: str
    email: str | None
    is_email_verified: bool
    name: str
    groups: tuple[str, ...]
    methods: tuple[str, ...]
    authenticated_at: datetime | None

    def kept(self) -> dict[str, Any]:
        """As JSON."""
        return asdict(self) | {"authenticated_at": self.authenticated_at and self.authenticated_at.isoformat()}

    @classmethod
    def of(cls, kept: Mapping[str, Any]) -> Vouched:
        at = kept["authenticated_at"]
        several = {name: tuple(kept[name]) for name in ("groups", "methods")}
        return cls(**{**kept, **several, "authenticated_at": datetime.fromisoformat(at) if at else None})


def first(said: Mapping[str, Any], names: Sequence[str]) -> str | None:
    """The first text that is there under one of the names."""
    for name in names:
        value = said.get(name)
        value = value[0] if isinstance(value, list) and value else value
        if isinstance(value, str) and value.strip():
            return value.strip()[:400]
    return None


def several(value: Any) -> tuple[str, ...]:
    """Names of groups: a list of texts, or one."""
    found = value if isinstance(value, list) else [value]
    return tuple(text[:300] for text in found[:1000] if isinstance(text, str) and text)
