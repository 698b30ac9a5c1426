"""How surely somebody is who they say: the two levels that a client may ask for (`acr`). Pure.

Belongs here: from methods of signing in to a level. Does not belong here: the signing in (api/identity).
"""

from __future__ import annotations

from collections.abc import Collection

SINGLE, MULTI = "urn:nexus:acr:single", "urn:nexus:acr:multi"
SUPPORTED = (SINGLE, MULTI)
#: Methods (RFC 8176) by what they prove: something known, something held, or both at once.
_KNOWN, _HELD, _BOTH = {"pwd", "pin", "kba"}, {"otp", "hwk", "swk", "sms"}, {"mfa"}


def of(methods: Collection[str]) -> str:
    """The level that these methods reach."""
    said = set(methods)
    return MULTI if said & _BOTH or (said & _KNOWN and said & _HELD) or {"hwk", "user"} <= said else SINGLE


def unmet(asked: Collection[str], methods: Collection[str]) -> bool:
    """Whether a request for one of these levels is not met. Levels that nobody here knows are met by none."""
    reached = of(methods)
    return bool(asked) and reached not in asked and not (reached == MULTI and SINGLE in asked)
