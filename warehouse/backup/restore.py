"""Putting a backup back into an empty home, whole or not at all.

Belongs here: what makes a home empty, the order, tidying up after a restore that was killed.
Does not belong here: reading the file (archive.py), what layers do about a home that has moved (`<layer>/moved.py`).

Files are unpacked beside their places and held against the manifest before a database is touched; the pointer to the
published version gets its name last. A home with the marker `run/restoring` belongs to a restore that did not end.
"""

from __future__ import annotations

import importlib
import importlib.util
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from nexus import postgres
from nexus.errors import ConflictError, InputError
from nexus.settings import Settings
from nexus.supervise import exclusive
from warehouse import ledger
from warehouse.backup import archive, databases
from warehouse.backup.archive import Header, Seen

#: Layers that may keep absolute paths; each that does offers `moved(settings, before)` in `<layer>/moved.py`.
LAYERS = ("features", "ml", "orchestration")
#: What looking at an empty home leaves in it.
_NOTHING = {"run", "logs"}
Tell = Callable[[Header, Seen], None]


@dataclass(frozen=True, slots=True)
class Restored:
    """What stands in the home now."""

    header: Header
    files: int


def verify(source: Path, tell: Tell = lambda *_: None) -> Header:
    """Reads the whole backup and holds it against its manifest; raises InputError if anything is wrong."""
    with _opened(source) as reading:
        reading.extract(None, lambda seen: tell(reading.header, seen))
        return reading.header


def restore(
    settings: Settings,
    source: Path,
    *,
    tell: Tell = lambda *_: None,
    checkpoint: Callable[[str], None] = lambda _: None,
) -> Restored:
    """Fills the empty home of `settings` from a backup.

    Raises ConflictError if the home or its database holds anything or Nexus runs from it, InputError for a file that
    is no backup, is damaged, or comes from a newer Nexus. Either way the home is then as empty as before.
    """
    with _opened(source) as reading, exclusive(settings):
        _sweep(settings)
        _refuse_full(settings)
        marker, staged = _marker(settings), settings.home / "restoring"
        marker.write_text(f"{source}\n")
        try:
            staged.mkdir(mode=0o700)
            reading.extract(staged, lambda seen: tell(reading.header, seen))
            checkpoint("unpacked")
            for name in reading.header.databases:
                database = databases.Database(name, postgres.dsn(settings, name))
                databases.load(settings, database, staged / database.member)
            checkpoint("databases")
            shutil.rmtree(staged / "databases")
            # the published version last: until then there is nothing to read
            for entry in sorted(staged.iterdir(), key=lambda path: (path.name == "warehouse", path.name)):
                entry.replace(settings.home / entry.name)
            staged.rmdir()
            _tell_layers(settings, Path(reading.header.home))
            checkpoint("placed")
        except BaseException:
            _clear(settings)
            marker.unlink()
            raise
        marker.unlink()
    return Restored(reading.header, len(reading.hashes))


def unfinished(settings: Settings) -> str | None:
    """The backup whose restore into this home was killed, or None."""
    try:
        return _marker(settings).read_text().strip()
    except FileNotFoundError:
        return None


@contextmanager
def _opened(source: Path) -> Iterator[archive.Reading]:
    if not source.is_file():
        raise InputError(f"there is no file {source}", remedy="name a file that `nexus backup` has written")
    with archive.opened(source) as reading:
        ours = set(ledger.migrations())
        if newer := [name for name in reading.header.migrations if name not in ours]:
            raise InputError(
                f"{source} was made by a newer Nexus ({reading.header.nexus}): it knows {', '.join(newer)}",
                remedy="update Nexus first, then restore",
            )
        yield reading


def _refuse_full(settings: Settings) -> None:
    there = sorted(p.name for p in settings.home.iterdir() if p.name not in _NOTHING and p.suffix != ".lock")
    if there:
        raise ConflictError(
            f"{settings.home} is not empty: it holds {', '.join(there[:6])}",
            remedy="set NEXUS_HOME to an empty folder; a restore never mixes two homes",
        )
    if settings.database_url is None:
        data = postgres.describe(settings).data
        if data.exists() and any(data.iterdir()):
            raise ConflictError(
                f"a database of this home is there already: {data}", remedy="move it away, or restore into another home"
            )
    elif held := databases.tables(databases.Database(databases.LEDGER, postgres.dsn(settings))):
        raise ConflictError(
            f"the database that NEXUS_DATABASE_URL names holds tables: {', '.join(held[:4])}",
            remedy="name an empty database; a restore never mixes two",
        )


def _tell_layers(settings: Settings, before: Path) -> None:
    """Layers that keep absolute paths put them right."""
    if before == settings.home.resolve():
        return
    for layer in LAYERS:
        if importlib.util.find_spec(f"{layer}.moved") is not None:
            importlib.import_module(f"{layer}.moved").moved(settings, before)


def _marker(settings: Settings) -> Path:
    return settings.run_dir / "restoring"


def _sweep(settings: Settings) -> None:
    """Removes what a restore that was killed has left: the home was empty when it began, so all of it is its own.

    Not a database of one's own: another one may be named by now, and `_refuse_full` says so if it is not empty.
    """
    if _marker(settings).exists():
        _clear_files(settings)
        _clear_cluster(settings)
        _marker(settings).unlink()


def _clear(settings: Settings) -> None:
    _clear_files(settings)
    if settings.database_url is None:
        _clear_cluster(settings)
    else:
        databases.empty(databases.Database(databases.LEDGER, postgres.dsn(settings)))


def _clear_files(settings: Settings) -> None:
    for entry in settings.home.iterdir():
        if entry.name in _NOTHING or entry == postgres.describe(settings).data:
            continue
        if entry.is_dir():
            shutil.rmtree(entry)
        else:
            entry.unlink()


def _clear_cluster(settings: Settings) -> None:
    server = postgres.describe(settings)
    postgres.discard(server)
    shutil.rmtree(server.data, ignore_errors=True)
