"""What a source offers that can be pulled: `orchestration/sources/<source>/live.py` has a `Config` and an `open_live`.

    class Config(LiveConfig):                     # options of a connection; secrets are of type `Secret`
        api_key: Secret

    def open_live(config: Config, transport: httpx.BaseTransport | None = None) -> Live: ...

Belongs here: these forms. Does not belong here: running them (pull.py).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from typing import Any, Protocol

import httpx
from pydantic import BaseModel, ConfigDict, Field

from nexus.doctor import Finding
from nexus.secrets import Secret

__all__ = [
    "Blob",
    "Cursor",
    "Finding",
    "Landed",
    "Live",
    "LiveConfig",
    "LiveModule",
    "Page",
    "Secret",
    "Span",
    "Stream",
]

#: Where a stream goes on: JSON that only its source understands; empty at the very beginning.
Cursor = Mapping[str, Any]


class Landed(Protocol):
    """What has landed of a connection's source in its workspace, whoever brought it, and where its streams stand."""

    def __call__(self, sql: str, after: int = 0) -> list[tuple[Any, ...]]:
        """SQL over the raw tables (named as in the warehouse, `raw_stripe__charge`), as landed by now; with `after`, over
        what later batches than that one brought."""
        ...

    def settled(self) -> int:
        """The newest batch's number: every batch with this number or a lower one has landed, or never will."""
        ...

    def cursor(self, stream: str) -> Cursor:
        """Where a stream of this connection goes on; empty where it was never pulled."""
        ...

    def connections(self) -> list[str]:
        """Names of the connections that have pulled this source into this workspace."""
        ...


class LiveConfig(BaseModel):
    """Options that every connection has. A source adds its own; an option that nobody knows is refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    since: date = Field(default=date(2010, 1, 1), description="nothing older is asked for")
    streams: tuple[str, ...] = Field(default=(), description="only these streams; all where none is named")

    @property
    def since_at(self) -> datetime:
        """`since` as a moment, UTC."""
        return datetime.combine(self.since, time.min, UTC)


@dataclass(frozen=True, slots=True)
class Span:
    """From (included) until (excluded), aware UTC, by the record's own time."""

    start: datetime
    end: datetime


@dataclass(frozen=True, slots=True)
class Blob:
    """A file that the provider keeps (a log object, say), landed under `name` like any export.

    `by_content`: the same bytes under another name say nothing new; false where the name itself says something.
    """

    name: str
    content: bytes
    by_content: bool = True


@dataclass(frozen=True, slots=True)
class Page:
    """One answer of the provider. `cursor` is where to go on once everything up to and with this page has landed.

    After a page that says `settle` the next one is asked for only once this one has landed and its cursor is kept: a
    queue may then delete what it handed out, a replication slot may forget it.
    """

    cursor: Cursor
    documents: Sequence[Mapping[str, Any] | bytes] = ()
    blobs: Sequence[Blob] = ()
    settle: bool = False


Pages = Callable[[Cursor], Iterator[Page]]
KnowingPages = Callable[[Cursor, Landed], Iterator[Page]]


@dataclass(frozen=True, slots=True)
class Stream:
    """One kind of record of a provider.

    `pages(cursor)` gives what has come or changed since, until there is no more; it may be asked again from any cursor
    it gave, and then gives the same records or newer ones (landing merges by the provider's id).
    `span(span)` gives the records of a span of time, for back-filling; None where the provider cannot be asked so.
    `knows` names tables of the source that `pages` has to know, where a provider can only be asked about what is known
    already, or does not tell what has gone: `pages(cursor, landed)` is then called with their rows, and may ask for the
    cursors of the connection's other streams.
    `leads` says that the other streams must begin anew with it, because it only tells what comes after them.
    """

    name: str
    pages: Pages | KnowingPages
    span: Callable[[Span], Iterator[Page]] | None = None
    description: str = ""
    knows: Sequence[str] = ()
    leads: bool = False


@dataclass(frozen=True, slots=True)
class Live:
    """An open connection. `check` asks the provider for each permission that a pull needs; `reconcile` compares what has
    landed with the provider's own totals. `close` frees sockets.
    """

    streams: Sequence[Stream]
    check: Callable[[], Iterator[Finding]]
    reconcile: Callable[[Landed], Iterator[Finding]] | None = None
    close: Callable[[], None] = lambda: None


class LiveModule(Protocol):
    """`orchestration/sources/<source>/live.py`."""

    Config: type[LiveConfig]

    @staticmethod
    def open_live(config: Any, transport: httpx.BaseTransport | None = None) -> Live: ...
