"""Endpoints that go: `Deprecation` (RFC 9745), `Sunset` (RFC 8594) and a link to what replaces them, on every answer.

Belongs here: what a slice says of an endpoint that goes, how callers and the OpenAPI document are told. Does not belong
here: who still calls it (`nexus_http_requests_total` counts by route), taking it away.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from email.utils import format_datetime
from typing import Any

from fastapi import Depends, params
from starlette.types import Send

from api.kernel.starting import add, starting

_MEANINGS = {
    "Deprecation": "since when this is not to be used: `@` and seconds since 1970 (RFC 9745)",
    "Sunset": "from when this is no more answered (RFC 8594)",
    "Link": "`rel=successor-version`: what to call instead",
}


@dataclass(frozen=True, slots=True)
class Deprecation:
    """What is said of an endpoint that goes. Days begin at midnight UTC."""

    since: date
    sunset: date | None
    instead: str | None

    def headers(self) -> dict[str, str]:
        said = {"Deprecation": f"@{int(_midnight(self.since).timestamp())}"}
        if self.sunset is not None:
            said["Sunset"] = format_datetime(_midnight(self.sunset), usegmt=True)
        if self.instead is not None:
            said["Link"] = f'<{self.instead}>; rel="successor-version"'
        return said

    def documented(self, responses: Mapping[int | str, dict[str, Any]], success: int) -> dict[int | str, Any]:
        """`responses` of a route, each with these headers."""
        told = {
            name: {"description": _MEANINGS[name], "schema": {"type": "string"}, "example": value}
            for name, value in self.headers().items()
        }
        of = {success: {}, **responses}
        return {status: {**said, "headers": {**said.get("headers", {}), **told}} for status, said in of.items()}

    def telling(self, send: Send) -> Send:
        """`send` that adds the headers: refusals tell them as well."""
        added = [(name.lower().encode(), value.encode()) for name, value in self.headers().items()]
        return starting(send, lambda message: add(message, added))

    async def __call__(self) -> None:
        """The dependency that declares it has nothing to do; the route reads what it says."""


def deprecated(since: date, *, sunset: date | None = None, instead: str | None = None) -> Any:
    """`dependencies=[deprecated(date(2026, 11, 1), sunset=date(2027, 5, 1), instead="/v1/invoices")]` of a route or router.

    `instead` is a path or an address. Raises ValueError for a sunset that lies before `since`, and for an `instead` that is
    no address.
    """
    if sunset is not None and sunset < since:
        raise ValueError(f"it goes on {sunset}, before it is deprecated ({since})")
    if instead is not None and not (instead.isascii() and instead.isprintable() and not set(instead) & set(' <>"')):
        raise ValueError(f"{instead!r} is no address")
    return Depends(Deprecation(since, sunset, instead))


def declared(dependencies: Sequence[params.Depends]) -> Deprecation | None:
    """What the dependencies of a route say, the route's own before its router's."""
    found = [d.dependency for d in dependencies if isinstance(d.dependency, Deprecation)]
    return found[-1] if found else None


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)
