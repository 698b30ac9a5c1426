"""Deliveries that arrive together land together: one batch for many requests, each answered once it is committed.

Belongs here: gathering, landing, telling each delivery what became of it. Does not belong here: verifying (a hook).

A landing costs about a tenth of a second whatever it holds. A delivery lands whole or not at all, as its group does; where
a group cannot land because of what is in it, its halves are tried, down to one: so one cannot keep the others out.
"""

from __future__ import annotations

import logging
import shutil
import threading
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path

import orjson

from nexus.connections import Connection
from nexus.contracts import Source
from nexus.errors import InputError, MachineError, NexusError
from nexus.ids import new_id
from nexus.settings import Settings
from orchestration.live.hook import Delivery, SignatureError
from warehouse import ledger, pulls
from warehouse.land import Counts, land

#: Seconds that the first delivery of a group waits for others.
GATHER = 0.25
MOST, MOST_BYTES = 256, 16 * 1024 * 1024
#: Deliveries that may wait; more are asked to come again.
WAITING = 1_024
_log = logging.getLogger("nexus.webhook")


@dataclass(frozen=True, slots=True)
class _Waiting:
    delivery: Delivery
    body: bytes
    digest: str
    answer: Future[Counts] = field(default_factory=Future)


class Group:
    """The deliveries of one connection; one thread lands them, started with the first."""

    def __init__(self, settings: Settings, connection: Connection, source: Source) -> None:
        self._settings, self._connection, self._source = settings, connection, source
        self._waiting: list[_Waiting] = []
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None

    def add(self, delivery: Delivery, body: bytes) -> Future[Counts]:
        """What became of the delivery, once it has landed. Raises MachineError when too many wait."""
        lines = b"".join(orjson.dumps(document) + b"\n" for document in delivery.documents)
        mine = _Waiting(delivery, lines, sha256(body).hexdigest())
        if not lines:
            mine.answer.set_result(Counts())
            return mine.answer
        with self._changed:
            if len(self._waiting) >= WAITING:
                raise MachineError("too many deliveries wait to be landed", remedy="send it again later")
            self._waiting.append(mine)
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name=f"webhook-{self._connection.name}", daemon=True)
                self._thread.start()
            self._changed.notify()
        return mine.answer

    def _run(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._waiting)
                self._changed.wait_for(lambda: len(self._waiting) >= MOST, timeout=GATHER)
                group = self._next()
            self._land(group)

    def _next(self) -> list[_Waiting]:
        size, count = 0, 0
        for each in self._waiting[:MOST]:
            size += len(each.body)
            if count and size > MOST_BYTES:
                break
            count += 1
        group, self._waiting = self._waiting[:count], self._waiting[count:]
        return group

    def _land(self, group: Sequence[_Waiting]) -> None:
        try:
            told = self._landed(group)
        except InputError as error:
            half = len(group) // 2
            if half:
                self._land(group[:half])
                self._land(group[half:])
            else:
                group[0].answer.set_exception(error)
        except NexusError as error:
            _fail(group, error)
        except Exception as error:  # noqa: BLE001 (whoever waits must hear of it, whatever it is)
            _log.error("deliveries of %s could not be landed", self._connection.name, exc_info=error)
            _fail(group, MachineError("the deliveries could not be landed", remedy="send them again later"))
        else:
            for each, counts in zip(group, told, strict=True):
                each.answer.set_result(counts)

    def _landed(self, group: Sequence[_Waiting]) -> list[Counts]:
        c = self._connection
        place = self._settings.run_dir / "webhook" / c.workspace / c.name / new_id("hok")
        stamp = f"{datetime.now(UTC):%Y%m%dT%H%M%S.%fZ}"
        names = [f"webhook/{c.name}/{stamp}-{number:04}.jsonl" for number in range(len(group))]
        tokens = _tokens(group)

        def also(book: ledger.Connection, counts: Counts) -> None:
            if pulls.spend(book, c.workspace, c.name, tokens):
                raise SignatureError("the token of the signature was used before, for another body")
            pulls.received(book, c.workspace, c.name, c.source, len(group), counts)

        try:
            for name, each in zip(names, group, strict=True):
                _write(place / name, each.body)
            # a delivery that comes again is recognised by the ids of its records, also within a larger one
            report = land(self._source, [place], c.workspace, self._settings, also=also, once_by_content=False)
        finally:
            shutil.rmtree(place, ignore_errors=True)
        return [report.files.get(name, Counts()) for name in names]


def _tokens(group: Sequence[_Waiting]) -> dict[str, str]:
    """Token → digest of its body. Raises SignatureError for one that stands for two bodies."""
    found: dict[str, str] = {}
    for each in group:
        token = each.delivery.token
        if token is not None and found.setdefault(token, each.digest) != each.digest:
            raise SignatureError("the token of the signature was used before, for another body")
    return found


def _fail(group: Sequence[_Waiting], error: NexusError) -> None:
    for each in group:
        each.answer.set_exception(error)


def _write(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
