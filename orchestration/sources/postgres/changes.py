"""The replication log: which rows of which tables have changed, in the order of their commits.

Belongs here: the few of `pgoutput`'s messages that name a row. Does not belong here: slots (slots.py), the rows themselves.
https://www.postgresql.org/docs/current/protocol-logicalrep-message-formats.html (protocol version 1).

Only keys are taken from the log; what a row is by now is asked of the table. So values that the log leaves out (large ones
that did not change), types and time zones never differ between a first copy and a change. The log is read with the SQL
function that peeks, and the slot is advanced only past what has landed: the server keeps the rest.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import psycopg

from orchestration.sources.postgres import slots

#: Columns of the primary key of each table that is followed, by `schema.table`.
KeysOf = Mapping[str, Sequence[str]]


@dataclass(slots=True)
class Changes:
    """Changed keys by table (texts, each once), up to and with the commit that ends at `lsn`.

    `xids` are the transactions that changed them. `is_end`: the log held nothing, and does so up to `lsn`.
    """

    lsn: str
    is_end: bool = False
    xids: set[int] = field(default_factory=set)
    keys: dict[str, dict[tuple[str, ...], None]] = field(default_factory=dict)


def read(
    connection: psycopg.Connection, slot: str, publication: str, after: str, size: int, keys_of: KeysOf
) -> Changes:
    """About `size` changes that follow the slot's position (whole transactions).

    `after` drops what ends at or before it: the slot may stand behind what has landed.
    """
    # noted before the log is read: what commits before this place is then among what is read
    end = slots.end(connection)
    rows = connection.execute(
        "select data from pg_logical_slot_peek_binary_changes(%s, null, %s, 'proto_version', '1', 'publication_names', %s)",
        [slot, size, publication],
    ).fetchall()
    if not rows:
        return Changes(max(end, after, key=slots.position), is_end=True)
    found = Changes(after)
    for xid, keys, lsn in _transactions(rows, keys_of):
        if slots.position(lsn) <= slots.position(after):
            continue
        found.lsn = lsn
        found.xids.add(xid)
        for table, key in keys:
            found.keys.setdefault(table, {})[key] = None
    return found


def still_open(connection: psycopg.Connection, xids: set[int]) -> bool:
    """Whether nobody sees yet what one of these transactions did.

    A commit is in the log before it is visible, and long before where it waits for a standby.
    """
    rows = connection.execute(
        "select transactionid::text::bigint from pg_locks where locktype = 'transactionid' and mode = 'ExclusiveLock' and granted"
    ).fetchall()
    return any(xid in xids for (xid,) in rows)


def _transactions(
    rows: Sequence[tuple[Any, ...]], keys_of: KeysOf
) -> Iterator[tuple[int, list[tuple[str, tuple[str, ...]]], str]]:
    """Each transaction, the keys that it touched, and where its commit ends."""
    xid = 0
    places: dict[int, tuple[str, list[int]]] = {}
    keys: list[tuple[str, tuple[str, ...]]] = []
    for (data,) in rows:
        message = _Reader(bytes(data))
        kind = message.take("c")
        if kind == b"B":
            message.take("Q")
            message.take("Q")
            xid = message.take("I")
        elif kind == b"R":
            identity, name, columns = message.relation()
            places[identity] = (name, [columns.index(c) for c in keys_of.get(name, ())])
        elif kind in (b"I", b"U", b"D"):
            name, wanted = places[message.take("I")]
            # an update of the key tells the old tuple (K or O) before the new one (N): both rows are asked for
            while wanted and not message.at_end and message.take("c") in (b"N", b"K", b"O"):
                keys.append((name, message.key(wanted)))
        elif kind == b"C":
            message.take("B")
            message.take("Q")
            end = message.take("Q")
            yield xid, keys, f"{end >> 32:X}/{end & 0xFFFFFFFF:X}"
            keys = []


class _Reader:
    """Network-order fields of one message."""

    def __init__(self, data: bytes) -> None:
        self._data, self._at = data, 0

    @property
    def at_end(self) -> bool:
        return self._at >= len(self._data)

    def take(self, form: str) -> Any:
        """The next field, by the letter that `struct` calls it."""
        (value,) = struct.unpack_from(f">{form}", self._data, self._at)
        self._at += struct.calcsize(f">{form}")
        return value

    def text(self) -> str:
        end = self._data.index(b"\0", self._at)
        found = self._data[self._at : end].decode()
        self._at = end + 1
        return found

    def relation(self) -> tuple[int, str, list[str]]:
        """Id, schema.table, names of the columns."""
        identity, schema, table = self.take("I"), self.text(), self.text()
        self.take("c")
        columns = []
        for _ in range(self.take("H")):
            self.take("B")
            columns.append(self.text())
            self.take("I")
            self.take("i")
        return identity, f"{schema}.{table}", columns

    def key(self, places: Sequence[int]) -> tuple[str, ...]:
        """Texts of the columns at `places`. Only columns that cannot be null are asked for."""
        texts: list[str] = []
        for _ in range(self.take("H")):
            value = ""
            if self.take("c") == b"t":
                length = self.take("I")
                value = self._data[self._at : self._at + length].decode()
                self._at += length
            texts.append(value)
        return tuple(texts[place] for place in places)
