"""What of a home is kept: everything but what can be made again.

Belongs here: the names that are left out and why, walking the rest. Does not belong here: which files of the lake and
which versions belong to one moment (snapshot.py), databases (databases.py).

Names are left out, not chosen: a folder that some layer adds to the home later is kept without anybody thinking of it.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from nexus.settings import Settings

#: Entries of a home that are made again, or that only mean something while a process lives.
MADE_AGAIN = {
    "postgres": "the embedded cluster: its databases are dumped",
    "run": "locks, sockets, pids",
    "logs": "logs",
    "dagster": "configuration and logs of processes; its facts are in the database",
    "dbt": "parsed by dbt",
    "docs": "written by `nexus docs`",
    "cache": "compiled when it is asked for",
    "demo": "written by `nexus demo`, the same bytes for the same seed",
    "restoring": "an unfinished restore",
}
#: Kept by what the ledger and the pointers say, not whole.
CHOSEN = ("lake", "warehouse", "features")
SECRETS = "secrets"
_PASSING = (".tmp", ".lock")


@dataclass(frozen=True, slots=True)
class Item:
    """One file. `name` is its path in the home, and in the archive; `sha256` is what it must be, where that is known."""

    name: str
    path: Path
    sha256: str | None = None


def others(settings: Settings, secrets: bool) -> Iterator[Item]:
    """Files of everything that is neither chosen nor made again."""
    if not settings.home.exists():
        return
    for entry in sorted(settings.home.iterdir()):
        if entry.name in MADE_AGAIN or entry.name in CHOSEN:
            continue
        if entry.name != SECRETS or secrets:
            yield from walk(entry, settings.home)


def features(settings: Settings) -> Iterator[Item]:
    """The store that answers, and the training sets: a finished store never changes, an unfinished one is made anew."""
    root = settings.home / "features"
    pointer = root / "current"
    if pointer.exists():
        yield from walk(root / pointer.read_text().strip(), settings.home)
        yield Item("features/current", pointer)
    yield from walk(root / "training", settings.home)


def walk(start: Path, home: Path) -> Iterator[Item]:
    """Every file at or below `start`, links followed, in the order of names, without locks and what is about to be named."""
    if start.is_file() and not start.name.endswith(_PASSING):
        yield Item(start.relative_to(home).as_posix(), start)
        return
    seen: set[tuple[int, int]] = set()
    for folder, folders, files in os.walk(start, followlinks=True):
        status = Path(folder).stat()
        if (status.st_dev, status.st_ino) in seen:
            folders.clear()
            continue
        seen.add((status.st_dev, status.st_ino))
        folders.sort()
        for name in sorted(files):
            path = Path(folder) / name
            if not name.endswith(_PASSING) and path.is_file():
                yield Item(path.relative_to(home).as_posix(), path)
