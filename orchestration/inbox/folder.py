"""What lies in the inbox, and whether it has arrived whole.

Belongs here: the layout `inbox/<workspace>/<source>/<entry>`, names that are left alone, files still being written.
Does not belong here: reading a file, moving one (taking.py).

A file counts as whole when it has not changed for `QUIET`, by the clock of the file system it lies on, and no program
of this machine has it open for writing. Who uploads with longer pauses from elsewhere writes to a name that is left
alone (`.name`, `name.part`) and renames at the end. A folder waits for every such name in it to be gone; where nothing
changes for `GIVEN_UP`, nobody is going to finish it, and it is taken without them.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from nexus.errors import InputError, NotFoundError
from nexus.ids import workspace_slug
from nexus.settings import Settings
from warehouse.land.files import UNFINISHED

#: How long a file must have lain unchanged.
QUIET = timedelta(seconds=3)
#: How long a folder with unfinished files in it must have.
GIVEN_UP = timedelta(hours=1)
#: Folders beside what is dropped, into which it is put.
DONE, FAILED = "done", "failed"
#: Hidden files that no upload leaves.
_LITTER = (".DS_Store", ".localized", ".directory", ".gitignore", ".gitkeep")


@dataclass(frozen=True, slots=True)
class Drop:
    """A file or a folder of files, dropped for `source` of `workspace` (as the folders are called, right or wrong)."""

    path: Path
    workspace: str
    source: str

    @property
    def folder(self) -> Path:
        """Where it lies, and where `done` and `failed` are."""
        return self.path.parent

    def files(self) -> list[Path]:
        """Every file of it that may be read: none that is hidden or whose name says that it is not finished."""
        if not self.path.is_dir():
            return [self.path]
        return [p for p in self._inside() if not any(map(_is_left_alone, self._names(p)))]

    def unfinished(self) -> list[str]:
        """Names of files in the folder that somebody has begun and not renamed yet."""
        if not self.path.is_dir():
            return []
        mine = [p for p in self._inside() if not any(map(_is_litter, self._names(p)))]
        return ["/".join(self._names(p)) for p in mine if any(map(_is_left_alone, self._names(p)))]

    def fingerprint(self) -> tuple[tuple[str, int, int], ...]:
        """Changes with every write to any of its files, finished or not."""
        states = [(str(p), p.stat()) for p in (*self.files(), *(self.path / n for n in self.unfinished()))]
        return tuple((name, s.st_size, s.st_ctime_ns) for name, s in states)

    def _inside(self) -> list[Path]:
        return [p for p in sorted(self.path.rglob("*")) if p.is_file()]

    def _names(self, path: Path) -> tuple[str, ...]:
        return path.relative_to(self.path).parts

    def refusal(self) -> InputError | None:
        """Why nothing that is dropped here can be landed, whatever it holds."""
        from orchestration.sources import discover, get

        try:
            if not self.source:
                known = ", ".join(discover())
                raise NotFoundError(
                    "it was dropped beside the folders of the sources, so nobody knows which source it is of",
                    remedy=f"drop it into inbox/<workspace>/<source>/, where the source is one of: {known}",
                )
            workspace_slug(self.workspace)
            get(self.source)
        except InputError as error:
            return error
        return None


def root(settings: Settings) -> Path:
    return settings.home / "inbox"


def drops(settings: Settings) -> list[Drop]:
    """Everything that waits, finished or not, in the order of workspace, source and name."""
    found: list[Drop] = []
    for workspace in _entries(root(settings)):
        if not workspace.is_dir():
            found.append(Drop(workspace, "", ""))
            continue
        for source in _entries(workspace):
            if not source.is_dir():
                found.append(Drop(source, workspace.name, ""))
                continue
            found += [Drop(entry, workspace.name, source.name) for entry in _entries(source)]
    return [drop for drop in found if drop.files() or drop.unfinished()]


def settled(settings: Settings, source: str | None = None) -> list[Drop]:
    """Those (of one source) that have arrived whole."""
    return [d for d in drops(settings) if (source is None or d.source == source) and is_whole(d)]


def is_whole(drop: Drop) -> bool:
    """Whether nothing of it, hidden or not, has changed lately and nobody is writing to it."""
    try:
        entries = [drop.path, *drop.path.rglob("*")]
        newest = max(map(_changed_at, entries))
        pause = GIVEN_UP if drop.unfinished() else QUIET
        # a time of the future was given before the clock was set back: so it has not changed lately either
        quiet = abs(_now_at(drop.folder) - newest) >= pause.total_seconds()
        return quiet and not any(_is_written(p) for p in entries if p.is_file())
    except FileNotFoundError:
        return False  # renamed or taken away while we looked


def _entries(folder: Path) -> Iterator[Path]:
    if not folder.is_dir():
        return
    for path in sorted(folder.iterdir()):
        name = path.name
        if not (_is_left_alone(name) or name in (DONE, FAILED)):
            yield path


def _is_left_alone(name: str) -> bool:
    return name.startswith(".") or name.endswith(UNFINISHED)


def _is_litter(name: str) -> bool:
    return name in _LITTER or name.startswith("._")


def _changed_at(path: Path) -> float:
    """Of what a link leads to, too; a link that leads nowhere has the time at which it was made."""
    made = path.lstat().st_ctime
    return max(made, path.stat().st_ctime) if path.exists() else made


def _now_at(folder: Path) -> float:
    """The present by the clock that stamps the files there; a share on the network has a clock of its own."""
    try:
        with tempfile.TemporaryFile(dir=folder) as handle:
            return os.fstat(handle.fileno()).st_mtime
    except OSError:
        return time.time()  # not ours to write to; putting the file away will say so


def _is_written(path: Path) -> bool:
    """Whether a program of this machine has it open for writing, where the kernel can tell."""
    if not hasattr(fcntl, "F_SETLEASE"):
        return False
    try:
        # never waits for a pipe that was put in its place meanwhile
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    except FileNotFoundError:
        raise
    except OSError:
        return False  # whoever takes it says what is wrong with it
    try:
        # the kernel grants a read lease only while nobody has the file open for writing
        fcntl.fcntl(handle, fcntl.F_SETLEASE, fcntl.F_RDLCK)
        fcntl.fcntl(handle, fcntl.F_SETLEASE, fcntl.F_UNLCK)
    except BlockingIOError:
        return True
    except OSError:
        return False  # somebody else's file, or a file system without leases: the pause alone decides
    finally:
        with contextlib.suppress(OSError):
            os.close(handle)
    return False
