"""The one file that a backup is: a tar stream in Zstandard, a header first, a manifest of hashes last.

Belongs here: its format, writing and reading it as a stream. Does not belong here: what is in it and where it goes.

A backup that ends without its manifest is cut off; one whose files are not those of the manifest is damaged.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import tarfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path, PurePosixPath
from typing import IO, Any

import zstandard

from nexus.errors import InputError
from warehouse.backup.contents import Item

#: Rises when an older Nexus could not read the file any more.
FORMAT = 1
HEADER, MANIFEST = "nexus-backup.json", "manifest.json"
_CHUNK = 1 << 20


@dataclass(frozen=True, slots=True)
class Header:
    """What a backup says of itself before anything else. `created_at` is UTC; `home` is where it was made."""

    created_at: str
    home: str
    nexus: str
    engine: str
    migrations: tuple[str, ...]
    databases: tuple[str, ...]
    batches: int
    version: int | None
    secrets: bool
    files: int
    bytes: int
    format: int = FORMAT


@dataclass(slots=True)
class Seen:
    """How far a stream is: the file at hand, and all that has gone by."""

    name: str = ""
    files: int = 0
    bytes: int = 0


Tell = Callable[[Seen], None]


def write(target: IO[bytes], header: Header, items: Sequence[Item], tell: Tell = lambda _: None) -> None:
    """Writes all `items`; raises InputError if one is not what the ledger says it is."""
    hashes: dict[str, str] = {}
    seen = Seen()
    compressor = zstandard.ZstdCompressor(level=3, write_checksum=True, threads=1)
    with compressor.stream_writer(target, closefd=False) as packed:
        with tarfile.open(fileobj=packed, mode="w|", format=tarfile.PAX_FORMAT) as tar:
            _text(tar, HEADER, asdict(header))
            for item in items:
                seen.name = item.name
                hashes[item.name] = _add(tar, item, seen, tell)
                if item.sha256 and hashes[item.name] != item.sha256:
                    raise InputError(
                        f"{item.name} is not the file that landed: the disk has damaged it, or somebody has changed it",
                        remedy="take that file from an older backup; this one was not made",
                    )
                seen.files += 1
            _text(tar, MANIFEST, {"sha256": hashes})
    tell(seen)


def _add(tar: tarfile.TarFile, item: Item, seen: Seen, tell: Tell) -> str:
    with item.path.open("rb") as handle:
        entry = tar.gettarinfo(arcname=item.name, fileobj=handle)
        # a second name of a file is a file: a link would lead nowhere
        entry.type, entry.linkname = tarfile.REGTYPE, ""
        entry.size = os.fstat(handle.fileno()).st_size
        entry.uid = entry.gid = 0
        entry.uname = entry.gname = ""
        reader = _Hashing(handle, entry.size, seen, tell)
        try:
            tar.addfile(entry, reader)  # type: ignore[arg-type]
        except OSError as error:
            if error.errno is not None:
                raise
            raise InputError(f"{item.name} became shorter while it was read", remedy="try again") from error
    return reader.hexdigest()


def _text(tar: tarfile.TarFile, name: str, content: Any) -> None:
    body = json.dumps(content, indent=1).encode()
    entry = tarfile.TarInfo(name)
    entry.size, entry.mode = len(body), 0o600
    tar.addfile(entry, io.BytesIO(body))


class _Hashing:
    """Reads at most `size` bytes of a file, and knows the hash of what it gave."""

    def __init__(self, handle: IO[bytes], size: int, seen: Seen, tell: Tell) -> None:
        self._handle, self._left, self._seen, self._tell = handle, size, seen, tell
        self._digest = hashlib.sha256()

    def read(self, count: int = -1) -> bytes:
        body = self._handle.read(self._left if count < 0 else min(count, self._left))
        self._left -= len(body)
        self._digest.update(body)
        self._seen.bytes += len(body)
        self._tell(self._seen)
        return body

    def hexdigest(self) -> str:
        return self._digest.hexdigest()


@dataclass(slots=True)
class Reading:
    """An opened backup: its header, and its files in order, each once."""

    path: Path
    header: Header
    _tar: tarfile.TarFile
    hashes: dict[str, str] = field(default_factory=dict)

    def extract(self, folder: Path | None, tell: Tell = lambda _: None) -> None:
        """Puts every file below `folder` (None: only reads them) and holds all against the manifest.

        Raises InputError when anything is missing, added, cut off or changed.
        """
        seen = Seen()
        manifest: dict[str, str] | None = None
        with damaged(self.path):
            # not `for`: the header has been read, and would come again
            while (entry := self._tar.next()) is not None:
                body = self._tar.extractfile(entry)
                if body is None or not _harmless(entry.name):
                    raise InputError(
                        f"{self.path} holds {entry.name!r}, which no backup of Nexus would", remedy=_REMEDY
                    )
                if entry.name == MANIFEST:
                    manifest = json.loads(body.read())["sha256"]
                    break
                seen.name = entry.name
                reader = _Hashing(body, entry.size, seen, tell)
                _copy(reader, entry, folder)
                self.hashes[entry.name] = reader.hexdigest()
                seen.files += 1
        if manifest is None:
            raise InputError(f"{self.path} is cut off after {seen.files} files", remedy=_REMEDY)
        wrong = sorted(n for n in manifest.keys() | self.hashes if manifest.get(n) != self.hashes.get(n))
        if wrong:
            raise InputError(f"{self.path} is damaged: {len(wrong)} files differ, such as {wrong[0]}", remedy=_REMEDY)
        tell(seen)


_REMEDY = "take another copy of this backup, or an older one; nothing was changed here"


@contextmanager
def opened(path: Path) -> Iterator[Reading]:
    """A backup to be read. Raises InputError for what is none, is damaged, or was made by a newer Nexus."""
    try:
        handle = path.open("rb")
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}", remedy="name a file that may be read") from error
    with handle, damaged(path):
        unpacked = zstandard.ZstdDecompressor().stream_reader(handle, read_across_frames=True)
        try:
            tar = tarfile.open(fileobj=unpacked, mode="r|")  # noqa: SIM115 - closed below, after the caller has read
            entry = tar.next()
            body = tar.extractfile(entry) if entry and entry.name == HEADER else None
            content = json.loads(body.read()) if body else None
        except (zstandard.ZstdError, tarfile.TarError, ValueError, EOFError) as error:
            raise InputError(f"{path} is no backup of Nexus, or its beginning is damaged ({error})") from error
        if content is None:
            raise InputError(f"{path} is no backup of Nexus", remedy="name a file that `nexus backup` has written")
        if content.get("format", 0) > FORMAT:
            raise InputError(
                f"{path} was made by Nexus {content.get('nexus')}, in a format that this one does not know",
                remedy="update Nexus first, then restore",
            )
        known = {name: content[name] for name in Header.__slots__ if name in content}
        lists = {name: tuple(known[name]) for name in ("migrations", "databases")}
        with tar:
            yield Reading(path, Header(**{**known, **lists}), tar)


@contextmanager
def damaged(path: Path) -> Iterator[None]:
    """What a broken stream makes Python raise, said in words."""
    try:
        yield
    except (zstandard.ZstdError, tarfile.TarError, EOFError) as error:
        raise InputError(f"{path} is damaged or cut off: {error}", remedy=_REMEDY) from error


def _harmless(name: str) -> bool:
    parts = PurePosixPath(name).parts
    return bool(parts) and not PurePosixPath(name).is_absolute() and ".." not in parts


def _copy(reader: _Hashing, entry: tarfile.TarInfo, folder: Path | None) -> None:
    if folder is None:
        while reader.read(_CHUNK):
            pass
        return
    target = folder / entry.name
    target.parent.mkdir(parents=True, exist_ok=True)
    with os.fdopen(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as out:
        while body := reader.read(_CHUNK):
            out.write(body)
    target.chmod(entry.mode & 0o777)
    os.utime(target, (entry.mtime, entry.mtime))
