"""`ETag` and `If-Match`: a change applies to the version that its sender has seen, or not at all.

Belongs here: the headers. Does not belong here: counting versions (`nexus.db.Versioned`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Header, Response

from nexus.errors import NexusError, Permanent


class StaleError(NexusError, Permanent):
    exit_code, status, code = 5, 412, "stale"


class UnconditionalError(NexusError, Permanent):
    exit_code, status, code = 2, 428, "if_match_needed"


def etag(version: int) -> str:
    return f'"{version}"'


def tag(response: Response, version: int) -> None:
    """Says which version the answer shows."""
    response.headers["ETag"] = etag(version)


@dataclass(frozen=True, slots=True)
class Precondition:
    """What the caller has seen; without the header, anything."""

    header: str | None

    def check(self, version: int) -> None:
        """Raises StaleError unless the caller has seen this version (or sent `*`, or no header)."""
        if self.header is None:
            return
        # a weak tag never matches here (RFC 9110, 13.1.1)
        seen = {part.strip() for part in self.header.split(",")}
        if "*" not in seen and etag(version) not in seen:
            raise StaleError("it has changed since you read it", remedy="read it again, and send its ETag in If-Match")


_Header = Annotated[str | None, Header(alias="If-Match", description="ETag of what you have seen", max_length=1000)]


async def _optional(if_match: _Header = None) -> Precondition:
    return Precondition(if_match)


async def _required(if_match: _Header = None) -> Precondition:
    if if_match is None:
        raise UnconditionalError("this change needs If-Match", remedy="send the ETag of what you have read in If-Match")
    return Precondition(if_match)


#: A change that may say which version it is of.
IfMatch = Annotated[Precondition, Depends(_optional)]
#: A change that must.
IfMatchNeeded = Annotated[Precondition, Depends(_required)]
