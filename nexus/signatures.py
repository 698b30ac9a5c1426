"""What all proofs of a request's sender have in common, whoever signs how.

Belongs here: the refusal, and how old a signature may be. Does not belong here: a provider's own scheme
(`orchestration/sources/<source>/webhook.py`), Standard Webhooks (api/kernel/webhooks.py).
"""

from __future__ import annotations

import re

from nexus.errors import InputError

#: Digits alone: where a stamp is signed together with what follows it, no other spelling may take in a part of that.
_STAMP = re.compile(r"[0-9]{1,11}")


class SignatureError(InputError):
    """The request does not prove who sent it. Said before anything in it is believed."""

    exit_code, status, code = 2, 403, "forbidden"


def must_be_recent(stamp: str, now: float, *, oldest: float, youngest: float) -> None:
    """Raises SignatureError unless `stamp` (whole seconds since 1970, as digits) lies within so many seconds of `now`: `oldest` in
    the past, `youngest` (negative) in the future."""
    if not _STAMP.fullmatch(stamp):
        raise SignatureError("the signature has no time stamp")
    age = now - int(stamp)
    if not youngest <= age <= oldest:
        raise SignatureError("the time stamp of the signature is too old, or in the future")
