"""PostgreSQL live: tables by primary key, by watermark, or by logical replication.

Belongs here: options, what each way promises. Does not belong here: pages (tables.py), the log (following.py).

| way | sees new rows | changed rows | deleted rows |
|---|---|---|---|
| `watermark: updated_at` | yes | yes, if every change sets it | no |
| whole-number key, no watermark | yes | when the table is read anew (`reread_days`) | no |
| any other key | the whole table at every pull | yes | no |
| `replication` | yes | yes | yes |
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import httpx
import orjson
import psycopg
from pydantic import BaseModel, ConfigDict, Field, field_validator

from nexus.doctor import Finding
from nexus.errors import InputError, ProviderError
from orchestration.live.spec import Cursor, Live, LiveConfig, Page, Secret, Stream
from orchestration.sources.postgres import following, tables
from orchestration.sources.postgres.following import Replication

_PAGE = 5_000
_CHANGES = 20_000
#: Transactions commit in another order than their rows' numbers and times: this much is read again.
_ROWS_AGAIN = 1_000


class TableOptions(BaseModel):
    """One table of a connection."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    watermark: str | None = Field(
        default=None, description="column that every change sets to the present time or number"
    )
    overlap_seconds: int = Field(default=600, ge=0, description="how long a transaction may stay open and be seen")


class Config(LiveConfig):
    """Options of a connection to a database."""

    dsn: Secret = Field(description="postgresql://user:password@host/database")
    tables: tuple[TableOptions, ...] = Field(min_length=1)
    label: str | None = Field(
        default=None, description="what the database is called in the lake; its own name if not given"
    )
    replication: Replication | None = None
    reread_days: int = Field(default=7, ge=1, description="tables without watermark are read anew after this many days")

    @field_validator("tables", mode="before")
    @classmethod
    def _named(cls, value: Any) -> Any:
        return [{"name": v} if isinstance(v, str) else v for v in value] if isinstance(value, list) else value


def open_live(config: Config, transport: httpx.BaseTransport | None = None) -> Live:
    """One stream for each table, and one for the log where `replication` is given (first, so that nothing falls between)."""
    database = Database(config)
    streams = [
        Stream(_qualified(t.name), partial(database.table, t), description=f"Rows of {t.name}") for t in config.tables
    ]
    if config.replication:
        streams.insert(
            0, Stream("changes", database.changed, description="Rows that the replication log names", leads=True)
        )
    return Live(streams, database.check, close=database.close)


class Database:
    """The connection, opened when first used; every statement sees committed rows only."""

    def __init__(self, config: Config) -> None:
        self._config = config
        self._open: psycopg.Connection | None = None
        self._label = config.label or ""

    @property
    def connection(self) -> psycopg.Connection:
        """Raises ProviderError when the server cannot be reached, InputError when it refuses the role."""
        if self._open is None or self._open.closed:
            try:
                self._open = psycopg.connect(
                    self._config.dsn.get_secret_value(), autocommit=True, connect_timeout=20, client_encoding="utf8",
                    application_name="nexus", options="-c timezone=UTC -c statement_timeout=600000",
                )  # fmt: skip
            except psycopg.OperationalError as error:
                told = f"PostgreSQL cannot be reached: {' '.join(str(error).split())}"
                if "authentication" in told or "does not exist" in told:
                    raise InputError(told, remedy="check `dsn`") from None
                raise ProviderError(told, remedy="check that the server runs and is reachable") from None
            row = self._open.execute("select current_database()").fetchone()
            self._label = self._config.label or (row[0] if row else "")
        return self._open

    def close(self) -> None:
        if self._open is not None:
            self._open.close()

    def table(self, options: TableOptions, cursor: Cursor) -> Iterator[Page]:
        """Rows since the last pull, as the table above says."""
        with _told():
            relation = tables.describe(self.connection, options.name)
            if self._config.replication:
                yield from self._once(relation, cursor)
            elif options.watermark:
                yield from self._by_watermark(relation, options, cursor)
            else:
                yield from self._by_key(relation, cursor)

    def changed(self, cursor: Cursor) -> Iterator[Page]:
        """What the log names since the last pull."""
        assert self._config.replication
        names = [t.name for t in self._config.tables]
        with _told():
            yield from following.pages(
                self.connection, self._config.replication, names, cursor, _CHANGES, self._document
            )

    def check(self) -> Iterator[Finding]:
        """Whether each table can be read, and the log."""
        with _told():
            row = self.connection.execute("select current_user, current_setting('server_version')").fetchone()
            yield Finding("server", "ok", f"PostgreSQL {row[1]}, as {row[0]}" if row else "reached")
            for options in self._config.tables:
                yield self._check_table(options)
            if self._config.replication:
                names = [_qualified(t.name) for t in self._config.tables]
                yield from following.check(self.connection, self._config.replication, names)

    def _once(self, relation: tables.Relation, cursor: Cursor) -> Iterator[Page]:
        """The whole table, once; the log tells the rest. Goes on where it was broken off."""
        if cursor.get("copied"):
            return
        after = cursor.get("after")
        for found, end in tables.pages(self.connection, relation, None, after, _PAGE):
            yield Page({"after": end}, self._documents(relation.name, found))
        yield Page({"copied": True})

    def _by_key(self, relation: tables.Relation, cursor: Cursor) -> Iterator[Page]:
        now = datetime.now(UTC)
        due = "read_at" not in cursor or now > datetime.fromisoformat(cursor["read_at"]) + timedelta(
            days=self._config.reread_days
        )
        whole = due or not relation.is_counted
        after = cursor.get("after") if whole else cursor.get("last")
        if not whole and after:
            after = [str(int(after[0]) - _ROWS_AGAIN)]
        last = after if whole and after else cursor.get("last")
        for found, end in tables.pages(self.connection, relation, None, after, _PAGE):
            last = end
            yield Page({**cursor, "after" if whole else "last": end}, self._documents(relation.name, found))
        yield Page({"last": last, "read_at": now.isoformat() if whole else cursor["read_at"]})

    def _by_watermark(self, relation: tables.Relation, options: TableOptions, cursor: Cursor) -> Iterator[Page]:
        """From a little before the newest row that the last run found when it began: a transaction that was open then may
        have written earlier values. A run that was broken off goes on, but counts as having begun when it did.
        """
        assert options.watermark
        connection = self.connection
        watermark = tables.watermark(connection, relation, options.watermark)
        last: Sequence[str] | None = cursor.get("last")
        if cursor.get("within"):
            begun = cursor.get("begun", last)
        else:
            begun = tables.newest(connection, relation, watermark)
            last = last and tables.before(connection, relation, watermark, last, options.overlap_seconds, _ROWS_AGAIN)
        within = {"within": True, "begun": begun}
        if "unmarked" in cursor:
            within["unmarked"] = cursor["unmarked"]
        for found, end in tables.pages(connection, relation, watermark, last, _PAGE):
            last = end
            yield Page({**within, "last": last}, self._documents(relation.name, found))
        if watermark.is_nullable:
            # nothing tells which of them have changed
            for found, end in tables.unmarked(connection, relation, watermark, cursor.get("unmarked"), _PAGE):
                yield Page({**within, "last": last, "unmarked": end}, self._documents(relation.name, found))
        yield Page({"last": begun})

    def _documents(self, name: str, rows: Any) -> list[bytes]:
        return [self._document(name, row["key"], row["row"]) for row in rows]

    def _document(self, name: str, key: str, row: Any) -> bytes:
        """A row as it lands; one that is None is gone."""
        key = _compact(key)
        return orjson.dumps(
            {
                "id": f"{self._label}/{name}/{key}", "database": self._label, "table": name, "key": key,
                "deleted": row is None, "row": row,
            }
        )  # fmt: skip

    def _check_table(self, options: TableOptions) -> Finding:
        name = _qualified(options.name)
        watermark = None
        try:
            relation = tables.describe(self.connection, options.name)
            if options.watermark:
                watermark = tables.watermark(self.connection, relation, options.watermark)
            next(tables.pages(self.connection, relation, watermark, None, 1), None)
        except (InputError, psycopg.Error) as error:
            text = error.message if isinstance(error, InputError) else str(error).splitlines()[0]
            return Finding(name, "fail", text, "grant select on it, and check its options")
        readable = f"can be read; key {', '.join(relation.key)}"
        if watermark and watermark.is_nullable and not self._config.replication:
            return Finding(
                name, "warn", f"{readable}; rows whose {watermark.name} is null are read at every pull",
                f"alter table {name} alter column {watermark.name} set not null, or leave it where they are few",
            )  # fmt: skip
        if watermark or self._config.replication:
            return Finding(name, "ok", readable)
        way = "new rows only, all rows weekly" if relation.is_counted else "whole at every pull"
        return Finding(name, "warn", f"can be read, without a watermark: {way}", "name a `watermark` column")


@contextmanager
def _told() -> Iterator[None]:
    """Errors of the driver in the words of Nexus."""
    try:
        yield
    except psycopg.OperationalError as error:
        text = " ".join(str(error).split())
        if isinstance(error, psycopg.errors.ObjectNotInPrerequisiteState):
            # an invalidated slot, say: nothing that passes by itself
            raise InputError(f"PostgreSQL refuses: {text}", remedy="nexus sources test says what is wrong") from error
        raise ProviderError(f"PostgreSQL broke off: {text}", remedy="the next pull goes on from there") from error
    except psycopg.Error as error:
        text = " ".join(str(error).split())
        raise InputError(f"PostgreSQL refuses: {text}", remedy="nexus sources test says which table") from error


def _qualified(name: str) -> str:
    return name if "." in name else f"public.{name}"


def _compact(key: str) -> str:
    """One spelling of a key, whoever wrote it."""
    return orjson.dumps(orjson.loads(key)).decode()
