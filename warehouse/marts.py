"""The read door of the warehouse: published versions, read-only, for apps, api, ml and people.

Belongs here: opening a version, noticing a newer one, running queries safely.
Does not belong here: what a page or an endpoint asks (they write their SQL over marts, metrics, features).

SQL given here cannot write, read local files, load extensions or change settings.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import pyarrow as pa

from nexus.errors import InputError, NotFoundError
from nexus.settings import Settings, get_settings
from warehouse.current import current_path, read_current

AsOf = int | str | date | datetime | None
Params = Sequence[Any] | Mapping[str, Any] | None
#: Alias of every version: views and models name their relations `nexus.<schema>.<name>`.
ALIAS = "nexus"
_KEPT_OPEN = 3
_READING = {duckdb.StatementType.SELECT, duckdb.StatementType.EXPLAIN}


def open_file(path: Path, memory_limit: str = "2GB") -> duckdb.DuckDBPyConnection:
    """A read-only, locked-down connection to one version file, attached as `nexus`."""
    connection = duckdb.connect(
        config={
            "memory_limit": memory_limit,
            "autoinstall_known_extensions": "false",
            "autoload_known_extensions": "false",
        }
    )
    quoted = str(path).replace("'", "''")
    connection.execute(f"attach '{quoted}' as {ALIAS} (read_only)")
    connection.execute(f"use {ALIAS}.main")
    connection.execute("set timezone = 'UTC'; set enable_progress_bar = false")
    connection.execute("set temp_directory = ''")
    connection.execute("set python_enable_replacements = false")
    connection.execute("set enable_external_access = false")
    connection.execute("set lock_configuration = true")
    return connection


class Reader:
    """Reads the current version, or older ones; safe to share between threads.

    A newer version is noticed at the next call: `current` is looked at each time, which costs microseconds.
    """

    def __init__(self, settings: Settings | None = None) -> None:
        self._settings = settings or get_settings()
        self._mutex = threading.Lock()
        self._open: OrderedDict[int, duckdb.DuckDBPyConnection] = OrderedDict()
        self._stamp: tuple[int, int] | None = None
        self._current: int | None = None

    @property
    def version(self) -> int:
        """Number of the version that a query would read now. Raises NotFoundError before the first publication."""
        with self._mutex:
            self._look()
            assert self._current is not None
            return self._current

    def cursor(self, as_of: AsOf = None) -> duckdb.DuckDBPyConnection:
        """A cursor of its own on the version; it goes on reading that version whatever is published meanwhile."""
        with self._mutex:
            if as_of is None:
                self._look()
                assert self._current is not None
                return _cursor(self._open[self._current])
            from warehouse.versions import resolve

            found = resolve(self._settings, as_of)
            try:
                return _cursor(self._connection(found.version, found.path))
            except duckdb.IOException as error:
                if found.path.exists():
                    raise
                raise NotFoundError(
                    f"version {found.version} has just been retired",
                    remedy="see `nexus versions`; NEXUS_KEEP_VERSIONS keeps more of them readable",
                ) from error

    def query(self, sql: str, params: Params = None, *, as_of: AsOf = None) -> pl.DataFrame:
        """Rows of one reading statement. Raises InputError, in words, if it cannot be run."""
        frame = pl.from_arrow(self.arrow(sql, params, as_of=as_of))
        assert isinstance(frame, pl.DataFrame)
        return frame

    def arrow(self, sql: str, params: Params = None, *, as_of: AsOf = None) -> pa.Table:
        """The same as an Arrow table."""
        cursor = self.cursor(as_of)
        try:
            statements = cursor.extract_statements(sql)
            if len(statements) != 1 or statements[0].type not in _READING:
                raise InputError("only one reading statement is allowed here", remedy="write a single SELECT")
            return cursor.execute(statements[0], params).to_arrow_table()
        except duckdb.Error as error:
            raise InputError(f"the query failed: {error}", remedy=_remedy(error)) from error
        finally:
            cursor.close()

    def close(self) -> None:
        with self._mutex:
            while self._open:
                self._open.popitem()[1].close()
            self._stamp = self._current = None

    def _look(self) -> None:
        """Opens the current version if it is not the open one."""
        for _ in range(20):
            try:
                stat = current_path(self._settings).stat()
            except FileNotFoundError:
                raise NotFoundError("nothing is published yet", remedy="run: nexus build") from None
            stamp = (stat.st_ino, stat.st_mtime_ns)
            if stamp == self._stamp:
                return
            current = read_current(self._settings)
            if current is None:
                continue
            try:
                self._connection(current.version, current.path)
            except duckdb.IOException:
                # retired between looking and opening: `current` has moved on
                if current.path.exists():
                    raise
                continue
            self._stamp, self._current = stamp, current.version
            return
        raise NotFoundError(
            f"no version that {current_path(self._settings)} names can be opened", remedy="run: nexus build"
        )

    def _connection(self, version: int, path: Path) -> duckdb.DuckDBPyConnection:
        if version in self._open:
            self._open.move_to_end(version)
            return self._open[version]
        connection = self._open[version] = open_file(path, self._settings.duckdb_memory_limit)
        while len(self._open) > _KEPT_OPEN:
            oldest = next(v for v in self._open if v != self._current)
            # cursors that are still reading keep the file open by themselves
            self._open.pop(oldest).close()
        return connection


def _cursor(connection: duckdb.DuckDBPyConnection) -> duckdb.DuckDBPyConnection:
    cursor = connection.cursor()
    cursor.execute(f"use {ALIAS}.main")
    return cursor


_readers: dict[Path, Reader] = {}
_readers_mutex = threading.Lock()


def reader(settings: Settings | None = None) -> Reader:
    """The reader that this process shares for the home of `settings`."""
    settings = settings or get_settings()
    with _readers_mutex:
        if settings.home not in _readers:
            _readers[settings.home] = Reader(settings)
        return _readers[settings.home]


def query(sql: str, params: Params = None, *, as_of: AsOf = None, settings: Settings | None = None) -> pl.DataFrame:
    """Rows of the published warehouse; see `Reader.query`."""
    return reader(settings).query(sql, params, as_of=as_of)


def open(as_of: AsOf = None, settings: Settings | None = None) -> duckdb.DuckDBPyConnection:
    """A read-only cursor on a published version."""
    return reader(settings).cursor(as_of)


def _remedy(error: duckdb.Error) -> str | None:
    if isinstance(error, duckdb.CatalogException):
        return 'see what there is: nexus sql "show all tables"'
    if isinstance(error, duckdb.PermissionException):
        return "published versions can only be read, and files outside of them not at all"
    return None


def landings(settings: Settings, workspace: str | None = None, limit: int = 200) -> pl.DataFrame:
    """Attempts to land, newest first: batch_id, source, status, reason, counts, started_at, landed_at. For people."""
    from warehouse import ledger

    columns: dict[str, pl.DataType | type[pl.DataType]] = {
        "batch_id": pl.String, "workspace_id": pl.String, "source": pl.String, "kind": pl.String, "status": pl.String,
        "reason": pl.String, "read_count": pl.Int64, "landed_count": pl.Int64, "duplicate_count": pl.Int64,
        "quarantined_count": pl.Int64, "started_at": pl.Datetime("us"), "landed_at": pl.Datetime("us"),
    }  # fmt: skip
    with ledger.connect(settings) as connection:
        rows = connection.execute(
            f"select {', '.join(columns)} from batch where %(workspace)s::text is null or workspace_id = %(workspace)s"
            " order by started_at desc limit %(limit)s",
            {"workspace": workspace, "limit": limit},
        ).fetchall()
    return pl.DataFrame(rows, schema=dict[str, Any](columns), orient="row")


def connections(settings: Settings, workspace: str) -> pl.DataFrame:
    """Streams of the workspace's connections and of Nexus itself with their last pull, and connections that were never
    pulled; not those that are in the file no longer.

    Columns: connection, source, stream, status, last_success_at, caught_up_at (UTC), landed_total (of all pulls), read,
    landed, duplicate, quarantined (of the last), error, remedy. Options and secrets are not among them. Raises InputError
    for an unusable file.
    """
    from nexus.connections import OWN, load
    from warehouse import ledger, pulls

    names = (
        "connection", "source", "stream", "status", "last_success_at", "caught_up_at", "landed_total", "error", "remedy",
    )  # fmt: skip
    configured = [(c.name, c.source) for c in load(settings, workspace)]
    with ledger.connect(settings) as connection:
        states = [
            s for s in pulls.states(connection, workspace) if s.source == OWN or (s.connection, s.source) in configured
        ]
    rows = [{**{name: getattr(s, name) for name in names}, **s.counts.as_dict()} for s in states]
    pulled = {s.connection for s in states}
    rows += [
        {"connection": name, "source": source, "status": "never pulled"}
        for name, source in configured
        if name not in pulled
    ]
    schema: dict[str, Any] = {
        "connection": pl.String, "source": pl.String, "stream": pl.String, "status": pl.String,
        "last_success_at": pl.Datetime("us"), "caught_up_at": pl.Datetime("us"), "landed_total": pl.Int64, "read": pl.Int64, "landed": pl.Int64,
        "duplicate": pl.Int64, "quarantined": pl.Int64, "error": pl.String, "remedy": pl.String,
    }  # fmt: skip
    return pl.DataFrame(rows, schema=schema, orient="row").sort("connection", "stream", nulls_last=True)


def quarantined(settings: Settings, workspace: str | None = None, limit: int = 1000) -> pl.DataFrame:
    """Records that broke their contract and have not been replayed, with reason and raw text, newest first."""
    from warehouse import quarantine

    return quarantine.read(settings, workspace=workspace).sort("quarantined_at", descending=True).head(limit)
