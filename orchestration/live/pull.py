"""One pull: pages of each stream are spooled, landed, and the cursor moves in the transaction that lands them.

Belongs here: the order of steps and what a failure leaves. Does not belong here: any provider, landing (warehouse.land).

    lock → cursor → pages → spool → land + cursor + counts (one transaction) → … → caught up

A crash loses the spool and nothing else: the next pull goes on from the last cursor, and a record that comes twice lands
once by its provider's id. What was spooled before a provider failed is landed before the failure is told, and other
streams are pulled, whatever the failure is.
"""

from __future__ import annotations

import logging
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import cast

import httpx
import orjson

from nexus.connections import Connection
from nexus.errors import InputError, NexusError, Transient
from nexus.ids import new_id
from nexus.settings import Settings
from nexus.trouble import machine_error
from orchestration import sources
from orchestration.live.connections import chosen, opened
from orchestration.live.landed import landed
from orchestration.live.spec import Cursor, KnowingPages, Page, Pages, Span, Stream
from warehouse import ledger, pulls
from warehouse.land import Counts, land

#: A spool lands once it holds this much: bounds what a crash costs and what a batch weighs.
SPOOL_RECORDS, SPOOL_BYTES = 20_000, 64 * 1024 * 1024
_log = logging.getLogger("nexus.pull")


@dataclass(slots=True)
class StreamReport:
    """What one stream brought. `error` is what stopped it; what had come before has landed. `note` is why it was not asked."""

    stream: str
    pages: int = 0
    counts: Counts = field(default_factory=Counts)
    error: NexusError | None = None
    note: str = ""


@dataclass(slots=True)
class PullReport:
    connection: Connection
    streams: list[StreamReport] = field(default_factory=list)

    @property
    def total(self) -> Counts:
        total = Counts()
        for stream in self.streams:
            total.add(stream.counts)
        return total

    def raise_failed(self) -> None:
        """Raises what stopped a stream; where several were stopped, one that will not pass by itself first."""
        failed = [s for s in self.streams if s.error]
        if not failed:
            return
        failed.sort(key=lambda s: isinstance(s.error, Transient))
        first = failed[0].error
        assert first is not None
        rest = f" (and {len(failed) - 1} more streams)" if len(failed) > 1 else ""
        name = f"{self.connection.workspace}/{self.connection.name}/{failed[0].stream}"
        raise type(first)(f"{name}{rest}: {first.message}", remedy=first.remedy) from first

    def raise_unasked(self) -> None:
        """Raises InputError where none of the streams could be asked for what was wanted."""
        if self.streams and all(s.note for s in self.streams):
            names = ", ".join(s.stream for s in self.streams)
            whole = f"nexus sources pull {self.connection.name} --workspace {self.connection.workspace} --again"
            raise InputError(
                f"{self.connection.workspace}/{self.connection.name}: {names} {self.streams[0].note}",
                remedy=f"pull it without a span; `{whole}` reads everything once more",
            )


Progress = Callable[[StreamReport], None]


def pull(
    connection: Connection,
    settings: Settings,
    *,
    streams: tuple[str, ...] = (),
    span: Span | None = None,
    transport: httpx.BaseTransport | None = None,
    progress: Progress = lambda _: None,
    checkpoint: Callable[[str], None] = lambda _: None,
) -> PullReport:
    """Pulls the connection's streams (those named), each until it has no more; with `span`, the records of that time.

    A stream that fails does not keep the others from being pulled; see `PullReport.raise_failed`.
    Raises InputError for a connection that is configured wrongly, ConflictError when it is being pulled already. With
    `span` it waits until that pull is over: who asks for a part of the past has no next time in a quarter of an hour.
    """
    report = PullReport(connection)
    lock = f"nexus.pull.{connection.workspace}.{connection.name}"
    with (
        opened(connection, transport) as live,
        ledger.connect(settings) as book,
        ledger.locked(book, lock, wait=span is not None, holder="another pull of this connection"),
    ):
        pulls.abandon(book, connection.workspace, connection.name)
        place = settings.run_dir / "pull" / connection.workspace / connection.name
        shutil.rmtree(place, ignore_errors=True)
        pull_id = new_id("pul")
        for stream in chosen(connection, live, streams):
            told = StreamReport(stream.name)
            report.streams.append(told)
            if span is not None and stream.span is None:
                told.note = "cannot be asked by span"
                continue
            one = _Pull(connection, settings, stream, span, pull_id, place / stream.name, told, progress, checkpoint)
            try:
                one.run(book)
            finally:
                shutil.rmtree(place, ignore_errors=True)
    return report


@dataclass(slots=True)
class _Pull:
    """One stream of one pull."""

    connection: Connection
    settings: Settings
    stream: Stream
    span: Span | None
    pull_id: str
    place: Path
    report: StreamReport
    progress: Progress
    checkpoint: Callable[[str], None]

    def run(self, book: ledger.Connection) -> None:
        c, name = self.connection, self.stream.name
        between = (_naive(self.span.start), _naive(self.span.end)) if self.span else None
        began = datetime.now(UTC).replace(tzinfo=None)
        pulls.begin(book, self.pull_id, c.workspace, c.name, c.source, name, between)
        try:
            self._read(book)
        except Exception as error:  # noqa: BLE001 (whatever it is, what came lands and the other streams are pulled)
            self.report.error = failure = _told(error)
            pulls.end(book, self.pull_id, name, failure.message, failure.remedy)
        except BaseException as error:
            pulls.end(book, self.pull_id, name, f"{type(error).__name__}: {error}")
            raise
        else:
            with book.transaction():
                pulls.end(book, self.pull_id, name)
                if self.span is None:
                    pulls.caught_up(book, c.workspace, c.name, name, began)

    def _read(self, book: ledger.Connection) -> None:
        spool = _Spool(self.place)
        failure: NexusError | None = None
        for page in self._pages(book):
            if isinstance(page, NexusError):
                failure = page
                break
            spool.add(page)
            self.report.pages += 1
            self.checkpoint("page")
            self.progress(self.report)
            if spool.full or page.settle:
                self._land(book, spool)
                spool = _Spool(self.place)
        self._land(book, spool)
        if failure:
            raise failure

    def _pages(self, book: ledger.Connection) -> Iterator[Page | NexusError]:
        """Pages, and last the error that stopped them, so that what came before it is landed first."""
        try:
            if self.span is not None:
                assert self.stream.span is not None
                yield from self.stream.span(self.span)
            else:
                c = self.connection
                cursor = pulls.cursor(book, c.workspace, c.name, self.stream.name)
                if self.stream.knows:
                    with landed(self.settings, c, self.stream.knows) as known:
                        yield from cast(KnowingPages, self.stream.pages)(cursor, known)
                else:
                    yield from cast(Pages, self.stream.pages)(cursor)
        except Exception as error:  # noqa: BLE001 (whatever it is, what came lands and the other streams are pulled)
            yield _told(error)

    def _land(self, book: ledger.Connection, spool: _Spool) -> None:
        """Lands the spool; cursor and counts are written in the same transaction, or alone if there is nothing to land."""
        c, name = self.connection, self.stream.name
        spool.close()

        def also(connection: ledger.Connection, counts: Counts) -> None:
            if self.span is None and spool.cursor is not None:
                pulls.advance(connection, c.workspace, c.name, name, c.source, spool.cursor)
            pulls.count(connection, self.pull_id, name, spool.pages, counts)

        if spool.records:
            done = land(
                sources.get(c.source), [self.place.parent], c.workspace, self.settings,
                checkpoint=self.checkpoint, also=also, once_by_content=spool.by_content,
            )  # fmt: skip
            self.report.counts.add(done.total)
        elif spool.pages:
            with book.transaction():
                also(book, Counts())
        self.checkpoint("landed")
        self.progress(self.report)
        shutil.rmtree(self.place, ignore_errors=True)


class _Spool:
    """Pages on disk until they land: one file of documents, one JSON a line, and the provider's own files as they are."""

    def __init__(self, place: Path) -> None:
        self._place = place
        self._place.mkdir(parents=True, exist_ok=True)
        # the time in the name is what people see as the origin of a record
        self._path = place / f"{datetime.now(UTC):%Y%m%dT%H%M%S.%fZ}.jsonl"
        self._file = self._path.open("wb")
        self.cursor: Cursor | None = None
        self.pages = self.records = self._bytes = 0
        self._blobs = self._named = False

    @property
    def full(self) -> bool:
        return self.records >= SPOOL_RECORDS or self._bytes >= SPOOL_BYTES

    @property
    def by_content(self) -> bool:
        """Whether a file of the same bytes as one that has landed says nothing new."""
        return self._blobs and not self._named

    def add(self, page: Page) -> None:
        self.pages += 1
        self.cursor = page.cursor
        for document in page.documents:
            line = document if isinstance(document, bytes) else orjson.dumps(document)
            self._file.write(line + b"\n")
            self._bytes += len(line)
            self.records += 1
        for blob in page.blobs:
            target = self._place / blob.name
            if not target.resolve().is_relative_to(self._place.resolve()):
                raise NexusError(f"the provider names a file outside of its folder: {blob.name!r}")
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(blob.content)
            self._bytes += len(blob.content)
            self.records += 1
            self._blobs = True
            self._named = self._named or not blob.by_content

    def close(self) -> None:
        self._file.close()
        if self._path.exists() and not self._path.stat().st_size:
            self._path.unlink()


def _told(error: Exception) -> NexusError:
    """`error` as a report tells it. What nobody has foreseen is a fault of the program, and the log has its traceback."""
    if isinstance(error, NexusError):
        return error
    found: NexusError | None = machine_error(error)
    if found is None:
        _log.error("a pull met what it does not know", exc_info=error)
        found = NexusError(
            f"{type(error).__name__}: {error}", remedy="report this as a defect; what came before it has landed"
        )
        found.__cause__ = error
    return found


def _naive(moment: datetime) -> datetime:
    return moment.astimezone(UTC).replace(tzinfo=None)
