"""What somebody who signs in is asked for once more, as the address of a page says it (`again=`).

Belongs here: the values and what they ask. Does not belong here: asking (endpoints/signin.py, api/mfa, api/sso).
"""

from __future__ import annotations

from enum import StrEnum


class Again(StrEnum):
    """A fresh proof, though they are signed in; a second factor, though the browser is remembered or a provider vouches; both.

    Whatever else an address says is a fresh proof: what nobody knows asks for more.
    """

    NOTHING = ""
    FRESH = "1"
    FACTOR = "factor"
    BOTH = "both"

    @classmethod
    def _missing_(cls, value: object) -> Again:
        return cls.FRESH

    @classmethod
    def of(cls, *, is_fresh: bool, needs_factor: bool) -> Again:
        if needs_factor:
            return cls.BOTH if is_fresh else cls.FACTOR
        return cls.FRESH if is_fresh else cls.NOTHING

    @property
    def is_fresh(self) -> bool:
        return self in {Again.FRESH, Again.BOTH}

    @property
    def needs_factor(self) -> bool:
        return self in {Again.FACTOR, Again.BOTH}
