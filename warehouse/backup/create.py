"""Making a backup: a moment is held, written as one file under a temporary name, and named when it is whole.

Belongs here: the target, the header, the order. Does not belong here: the moment (snapshot.py), the file (archive.py).
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from nexus.errors import ConflictError, InputError, MachineError
from nexus.settings import Settings
from warehouse.backup import archive, contents
from warehouse.backup.archive import Header, Seen
from warehouse.backup.snapshot import Snapshot, held
from warehouse.land.write import sync_folder


@dataclass(frozen=True, slots=True)
class Made:
    """A finished backup and its size in bytes."""

    path: Path
    header: Header
    bytes: int


def backup(
    settings: Settings,
    target: Path,
    *,
    secrets: bool = True,
    tell: Callable[[Header, Seen], None] = lambda *_: None,
    checkpoint: Callable[[str], None] = lambda _: None,
) -> Made:
    """Writes everything of the home that cannot be made again into `target`, a file or an existing folder.

    Landings, builds and publications may go on: the backup is the home at the moment at which it began.
    Raises ConflictError if the file is there, InputError if there is nothing to keep, MachineError on a full disk.
    """
    path = _path(target)
    if not settings.home.exists():
        raise InputError(f"there is no home at {settings.home}", remedy="set NEXUS_HOME to the one to back up")
    scratch = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    with held(settings, secrets) as moment:
        checkpoint("held")
        try:
            header = _header(settings, moment, secrets)
            # it holds secrets and everybody's records: its owner's alone
            with os.fdopen(os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as out:
                archive.write(out, header, moment.items, lambda seen: tell(header, seen))
                out.flush()
                os.fsync(out.fileno())
            checkpoint("written")
            scratch.replace(path)
            sync_folder(path.parent)
        except OSError as error:
            raise MachineError(
                f"the backup could not be written to {path}: {error.strerror or error}",
                remedy="make room there, or name another place; nothing was left behind",
            ) from error
        finally:
            scratch.unlink(missing_ok=True)
    return Made(path, header, path.stat().st_size)


def _header(settings: Settings, moment: Snapshot, secrets: bool) -> Header:
    return Header(
        created_at=datetime.now(UTC).isoformat(timespec="seconds"),
        home=str(settings.home.resolve()),
        nexus=version("nexus-platform"),
        engine=settings.warehouse,
        migrations=moment.migrations,
        databases=moment.databases,
        batches=moment.batches,
        version=moment.version,
        secrets=secrets or not (settings.home / contents.SECRETS).exists(),
        files=len(moment.items),
        bytes=sum(item.path.stat().st_size for item in moment.items),
    )


def _path(target: Path) -> Path:
    path = target / f"nexus-{datetime.now(UTC):%Y%m%dT%H%M%SZ}.tar.zst" if target.is_dir() else target
    if not path.parent.is_dir():
        raise InputError(f"there is no folder {path.parent}", remedy="make it first, or name another place")
    if path.exists():
        raise ConflictError(f"{path} is there already", remedy="name another file: a backup is never overwritten")
    return path
