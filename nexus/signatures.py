"""What all proofs of a request's sender have in common, whoever signs how.

Belongs here: the refusal, and how old a signature may be. Does not belong here: a provider's own scheme
(`orchestration/sources/<source>/webhook.py`), Standard Webhooks (api/kernel/webhooks.py).
"""

from __future__ import annotations

from nexus.errors import InputError


class SignatureError(InputError):
    """The request does not prove who sent it. Said before anything in it is believed."""

    exit_code, status, code = 2, 403, "forbidden"


def must_be_recent(stamp: str, now: float, *, oldest: float, youngest: float) -> None:
    """Raises SignatureError unless `stamp` (seconds since 1970, as text) lies within so many seconds of `now`: `oldest` in
    the past, `youngest` (negative) in the future."""
    try:
        age = now - float(stamp)
    except ValueError:
        raise SignatureError("the signature has no time stamp") from None
    # in this order, which no NaN passes
    if not youngest <= age <= oldest:
        raise SignatureError("the time stamp of the signature is too old, or in the future")
