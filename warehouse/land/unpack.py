"""Archives: their members become files of their own, in a private folder that is deleted afterwards.

Belongs here: zip and tar, and refusing what an archive should not hold. Does not belong here: reading members.

No member is ever written under its own name: a name only says which reader it takes and what people call it. So
`../../etc/passwd` and links lead nowhere, and a bomb is stopped by its size.
"""

from __future__ import annotations

import fcntl
import io
import re
import shutil
import tarfile
import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import IO

from nexus.contracts import Source
from nexus.errors import InputError, MachineError
from warehouse.land.files import ARCHIVE, Found, InputFile, reader_of
from warehouse.land.refuse import Unreadable, opened, shown
from warehouse.land.stream import BLOCK, HARMLESS, RATIO, CutOff, blocks

MEMBERS = 100_000
#: The list of members of a zip is read whole: 64 MB name about half a million.
_DIRECTORY = 64 * 1024 * 1024
#: Unpacking stops before the disk is full.
_SPARE = 512 * 1024 * 1024
_PREFIX = "unpack_"
#: A drive of Windows. Other colons are part of a name, such as those of a time.
_DRIVE = re.compile(r"[A-Za-z]:")
_DAMAGE = (zipfile.BadZipFile, tarfile.TarError, EOFError, RuntimeError)


@contextmanager
def unpacked(archive: InputFile, source: Source, scratch: Path) -> Iterator[Found]:
    """The members that `source` can read, as files under `scratch` that last as long as the context.

    What is good in a damaged archive is there; what is not is among `refused`. Raises Unreadable when nothing is.
    """
    scratch.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=_PREFIX, dir=scratch) as name, (Path(name) / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        into = _Into(archive, source, Path(name))
        try:
            (_zip if zipfile.is_zipfile(archive.path) else _tar)(into)
        except CutOff as error:
            into.refuse("", f"is damaged or cut off: {error}")
        except _DAMAGE as error:
            into.refuse("", f"is damaged or cut off: {error}")
        if not into.found.files and into.found.refused:
            raise next(iter(into.found.refused.values()))
        yield into.found


def sweep(scratch: Path) -> None:
    """Removes what unpacking processes that were killed have left behind."""
    for folder in scratch.glob(f"{_PREFIX}*"):
        try:
            with (folder / "lock").open("r") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            continue
        except FileNotFoundError:
            pass  # killed before it made its lock, or about to: an empty folder is removed next time
        else:
            shutil.rmtree(folder, ignore_errors=True)


class _Into:
    """The folder that members are written to, and what is said about them."""

    def __init__(self, archive: InputFile, source: Source, folder: Path) -> None:
        self.archive, self.source, self.folder = archive, source, folder
        self.found = Found()
        self._written = 0
        self._count = 0

    def refuse(self, member: str, why: str) -> None:
        name = f"{self.archive.name}/{shown(member)}" if member else self.archive.name
        self.found.refused[name] = Unreadable(f"{name} {why}", remedy=_remedy(why))

    def reader(self, member: str) -> str | None:
        """Reader of a member that is to be written; None when it is left out, for a reason that is noted."""
        self._count += 1
        if self._count > MEMBERS:
            raise Unreadable(
                f"{self.archive.name} holds more than {MEMBERS:,} files", remedy="unpack it and ingest the folder"
            )
        path = PurePosixPath(member.replace("\\", "/"))
        if path.is_absolute() or ".." in path.parts or _DRIVE.match(member):
            self.refuse(member, "has a name that leads out of the archive; it was left out")
            return None
        if any(part.startswith(".") or part == "__MACOSX" for part in path.parts):
            return None
        reader = reader_of(self.source, Path(path.name))
        if reader == ARCHIVE:
            self.refuse(member, "is an archive within an archive; it was left out")
            return None
        if reader is None:
            self.found.ignored.append(f"{self.archive.name}/{shown(member)}")
        return reader

    def write(self, member: str, reader: str, content: IO[bytes]) -> None:
        """Writes a member under a name of our own. Raises Unreadable when the archive grows out of all proportion."""
        path = self.folder / f"{self._count:06}{''.join(Path(member).suffixes[-1:])[:16]}"
        size = 0
        with path.open("wb") as handle:
            while block := content.read(BLOCK):
                size += len(block)
                self._written += len(block)
                if self._written > HARMLESS and self._written > RATIO * self.archive.size:
                    raise Unreadable(
                        f"{self.archive.name} unpacks to more than {RATIO} times its size; nothing of it was read",
                        remedy="if that is meant, unpack it and ingest the folder",
                    )
                if shutil.disk_usage(self.folder).free < _SPARE + len(block):
                    raise MachineError(
                        f"the disk is nearly full: {self.archive.name} cannot be unpacked",
                        remedy=f"make room where {self.folder.parent} lies, and ingest again",
                    )
                handle.write(block)
        name = f"{self.archive.name}/{shown(member)}"
        self.found.files.append(InputFile(path, name, reader, size, self.source.dialect))


def _zip(into: _Into) -> None:
    with opened(into.archive.path) as handle:
        _check_directory(handle, into.archive.name)
        with zipfile.ZipFile(handle) as archive:
            for member in sorted(archive.infolist(), key=lambda m: m.filename):
                if member.is_dir():
                    continue
                reader = into.reader(member.filename)
                if reader is None:
                    continue
                if member.flag_bits & 1:
                    into.refuse(member.filename, "is encrypted; it was left out")
                    continue
                try:
                    with archive.open(member) as content:
                        into.write(member.filename, reader, content)
                except InputError:
                    raise
                except (*_DAMAGE, OSError, ValueError) as error:
                    into.refuse(member.filename, f"is damaged: {error}")


def _check_directory(handle: IO[bytes], name: str) -> None:
    """Refuses a zip whose list of members would fill the memory."""
    size = handle.seek(0, io.SEEK_END)
    handle.seek(max(size - 65_557, 0))
    tail = handle.read()
    at = tail.rfind(b"PK\x05\x06")
    if at >= 0 and int.from_bytes(tail[at + 12 : at + 16], "little") > _DIRECTORY and size > _DIRECTORY:
        raise Unreadable(f"{name} holds more than {MEMBERS:,} files", remedy="unpack it and ingest the folder")
    handle.seek(0)


def _tar(into: _Into) -> None:
    with tarfile.open(fileobj=_Stream(blocks(into.archive.path)), mode="r|", bufsize=BLOCK) as archive:
        for member in archive:
            if member.isdir():
                continue
            if not member.isreg():
                into.refuse(member.name, "is a link or a device; it was left out")
                continue
            reader = into.reader(member.name)
            content = archive.extractfile(member) if reader else None
            if reader and content:
                try:
                    into.write(member.name, reader, content)
                except (*_DAMAGE, CutOff) as error:
                    into.refuse(member.name, f"is cut off: {error}")
                    return
    into.found.files.sort(key=lambda file: file.name)


class _Stream(io.RawIOBase):
    """Blocks as a file that is read from its beginning to its end."""

    def __init__(self, source: Iterator[bytes]) -> None:
        self._source, self._held = source, b""
        self._fault: CutOff | None = None

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        """Raises CutOff once everything before the fault has been given out."""
        while self._fault is None and (size < 0 or len(self._held) < size):
            try:
                block = next(self._source, b"")
            except CutOff as error:
                self._fault = error
                break
            if not block:
                break
            self._held += block
        if self._fault is not None and not self._held:
            raise self._fault
        taken, self._held = (self._held, b"") if size < 0 else (self._held[:size], self._held[size:])
        return taken


_REMEDIES: tuple[tuple[str, str], ...] = (
    ("leads out", "pack the files under plain names"),
    ("within an archive", "unpack the inner one and ingest it by itself"),
    ("encrypted", "pack the files without a password"),
    ("link", "pack the file that it leads to"),
)


def _remedy(why: str) -> str:
    return next((remedy for word, remedy in _REMEDIES if word in why), "pack or download the archive again")
