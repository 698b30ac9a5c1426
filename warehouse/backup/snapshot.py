"""One moment of a home, held still while it is copied.

Belongs here: the ledger's snapshot, the files that it names, keeping them from being removed meanwhile.
Does not belong here: what else is kept (contents.py), the archive (archive.py).

The ledger decides: a transaction that sees one moment names the batches and versions, and the dump is made from that
same moment. Lake files and versions never change, so it is enough that they cannot vanish: each gets a second name
(a hard link) before anything is copied. Whatever lands or is published later is not part of the backup.
"""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from nexus.errors import ConflictError, MachineError
from nexus.settings import Settings
from warehouse import ledger
from warehouse.backup import contents, databases
from warehouse.backup.contents import Item
from warehouse.current import current_path, read_current
from warehouse.versions import versions_dir

#: How often a moment is chosen anew because files of the last one were removed before they could be held.
ATTEMPTS = 5


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Files and dumps of one moment. `version` is the one that readers saw, `batches` counts those that had landed."""

    items: tuple[Item, ...]
    databases: tuple[str, ...]
    migrations: tuple[str, ...]
    batches: int
    version: int | None


@contextmanager
def held(settings: Settings, secrets: bool) -> Iterator[Snapshot]:
    """A snapshot of the home; its files stay readable until the block ends. One at a time for each home."""
    settings.run_dir.mkdir(parents=True, exist_ok=True)
    folder = settings.run_dir / "backup"
    with (settings.run_dir / "backup.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ConflictError("another backup of this home is being made", remedy="wait until it has ended") from None
        try:
            for attempt in range(1, ATTEMPTS + 1):
                _empty(folder)
                try:
                    made = _take(settings, secrets, folder)
                    break
                except (_MovedOnError, FileNotFoundError) as error:
                    if attempt == ATTEMPTS:
                        raise MachineError(
                            f"no moment could be held still in {ATTEMPTS} attempts: {error}",
                            remedy="if nothing is being published or compacted, that file is lost: "
                            "restore an older backup, or ingest its source again",
                        ) from error
            yield made
        finally:
            shutil.rmtree(folder, ignore_errors=True)


class _MovedOnError(Exception):
    """The home changed while the moment was being chosen; the next attempt chooses another."""


def _take(settings: Settings, secrets: bool, folder: Path) -> Snapshot:
    before = read_current(settings)
    with ledger.connect(settings) as connection:
        connection.execute("begin isolation level repeatable read read only")
        row = connection.execute("select pg_export_snapshot() as name").fetchone()
        parts = connection.execute(
            "select distinct p.path, p.sha256 from batch_part p join batch b using (batch_id) where b.status = 'landed' order by 1"
        ).fetchall()
        counted = connection.execute("select count(*) as n from batch where status = 'landed'").fetchone()
        files = connection.execute("select file from publish_version where status = 'published' order by 1").fetchall()
        known = connection.execute("select name from warehouse_migration order by number").fetchall()
        # the pointer and the ledger are two files: only if it stands still do they tell of the same moment
        if read_current(settings) != before:
            raise _MovedOnError("a version was published")
        lake = [Item(f"lake/{part['path']}", settings.lake / part["path"], part["sha256"]) for part in parts]
        versions = {versions_dir(settings) / version["file"] for version in files}
        if before is not None:
            versions.add(before.path)
        items = [*lake, *(Item(f"warehouse/versions/{path.name}", path) for path in sorted(versions))]
        if before is not None:
            items.append(Item("warehouse/current", current_path(settings)))
        names = []
        for database in databases.find(settings):
            target = folder / database.member
            target.parent.mkdir(parents=True, exist_ok=True)
            is_ledger = database.name == databases.LEDGER
            if is_ledger:
                items = list(_pinned(items, folder))
            databases.dump(settings, database, target, row["name"] if row and is_ledger else None)
            items.append(Item(database.member, target))
            names.append(database.name)
        connection.execute("commit")
    # facts first, then what they speak of: a file without its row is harmless
    items += _pinned([*contents.features(settings), *contents.others(settings, secrets)], folder)
    return Snapshot(
        items=tuple(items),
        databases=tuple(names),
        migrations=tuple(row["name"] for row in known),
        batches=counted["n"] if counted else 0,
        version=before.version if before else None,
    )


def _pinned(items: Iterable[Item], folder: Path) -> Iterator[Item]:
    """The same files under second names, where the file system gives any."""
    for item in items:
        target = folder / "files" / item.name
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            os.link(item.path.resolve(), target)
        except FileNotFoundError:
            raise _MovedOnError(f"{item.path} is gone") from None
        except OSError:
            yield item
        else:
            yield replace(item, path=target)


def _empty(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(mode=0o700)
