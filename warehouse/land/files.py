"""Which files a landing reads, and in which groups.

Belongs here: walking folders, matching names to readers, hashing, grouping into batches.
Does not belong here: opening what is inside (read.py, unpack.py).
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatch
from pathlib import Path

from nexus.contracts import PLAIN, Dialect, Source
from nexus.errors import InputError, NotFoundError
from warehouse.land.refuse import Unreadable, kind_of, opened, shown

#: Files are put together into one batch up to this many bytes on disk; a larger file is a batch of its own.
BATCH_BYTES = 256 * 1024 * 1024
BATCH_FILES = 10_000
_COMPRESSED = (".gz", ".zst", ".bz2", ".xz")
_ARCHIVES = (".zip", ".tar", ".tgz", ".tbz2", ".txz", *(f".tar{ending}" for ending in _COMPRESSED))
#: Endings that programs give to what they have not finished writing.
UNFINISHED = (".part", ".partial", ".tmp", ".crdownload", ".filepart", ".download", "~")
#: Reader of archives: their members are files of their own (unpack.py).
ARCHIVE = "archive"


@dataclass(frozen=True, slots=True)
class InputFile:
    """`name` is what people and the ledger call it: the path below the folder that was given."""

    path: Path
    name: str
    reader: str
    size: int
    dialect: Dialect = PLAIN


@dataclass(slots=True)
class Found:
    """`ignored` are files whose names the source does not read; `refused` what could not be looked at, and why."""

    files: list[InputFile] = field(default_factory=list)
    ignored: list[str] = field(default_factory=list)
    refused: dict[str, Unreadable] = field(default_factory=dict)


def bare_name(path: Path) -> str:
    """File name without the ending of a compression."""
    return path.stem if path.suffix.lower() in _COMPRESSED else path.name


def reader_of(source: Source, path: Path) -> str | None:
    if path.name.lower().endswith(_ARCHIVES):
        return ARCHIVE
    name = bare_name(path)
    return next((reader for pattern, reader in source.readers.items() if fnmatch(name.lower(), pattern.lower())), None)


def discover(source: Source, paths: Sequence[Path]) -> tuple[list[InputFile], list[str]]:
    """`look`, for callers that need files and the names of the ignored ones only."""
    found = look(source, paths)
    return found.files, found.ignored


def look(source: Source, paths: Sequence[Path]) -> Found:
    """Files that the source can read, in the order of their names, and what it cannot.

    Raises NotFoundError for a path that does not exist, InputError when there is nothing to read.
    """
    result = Found()
    found: dict[Path, InputFile] = {}
    for given in paths:
        for path, name in _walk(given, result.refused):
            reader = None if path != given and _is_unfinished(name) else reader_of(source, path)
            if reader is None:
                result.ignored.append(name)
                continue
            try:
                size = path.stat().st_size
            except OSError as error:
                result.refused[name] = Unreadable.by_machine(path, error)
                continue
            found.setdefault(path.resolve(), InputFile(path, name, reader, size, source.dialect))
    if not found:
        if len(result.refused) == 1:
            raise next(iter(result.refused.values()))
        raise InputError(_nothing(source, paths, result), remedy=_names_read(source))
    result.files = sorted(found.values(), key=lambda f: f.name)
    result.ignored.sort()
    return result


def _is_unfinished(name: str) -> bool:
    """Whether a file in a folder, or a folder it is in, is called as what somebody still writes to."""
    return any(part.endswith(UNFINISHED) for part in name.split("/"))


def _nothing(source: Source, paths: Sequence[Path], found: Found) -> str:
    there = f"nothing in {', '.join(map(shown, paths))} is a file that source {source.name!r} reads"
    if found.refused:
        return f"{there}: " + "; ".join(error.message for error in list(found.refused.values())[:5])
    names = ", ".join(found.ignored[:5]) + (f" and {len(found.ignored) - 5} more" if len(found.ignored) > 5 else "")
    return f"{there}: it holds {names}" if names else f"{there}: it is empty"


def _names_read(source: Source) -> str:
    patterns = ", ".join(source.readers) or "none"
    return f"give a file or folder with names like: {patterns} (also .gz, .zst, .bz2, .xz, .zip, .tar)"


def _walk(given: Path, refused: dict[str, Unreadable]) -> Iterator[tuple[Path, str]]:
    """Files at or below `given` with their names; hidden ones are passed over, links are followed once."""
    try:
        mode = given.stat().st_mode
    except OSError as error:
        if isinstance(error, FileNotFoundError | NotADirectoryError) and not given.is_symlink():
            what = f"there is no file or folder {shown(given)}"
            raise NotFoundError(what, remedy="check the path and its spelling") from error
        raise Unreadable.by_machine(given, error) from error
    if (kind := kind_of(mode)) is not None:
        raise Unreadable(f"{shown(given)} is {kind}", remedy="write its content to a file and ingest that")
    if not given.is_dir():
        yield given, shown(given.name)
        return
    folders, seen = [given], set()
    while folders:
        folder = folders.pop()
        name = shown(folder.relative_to(given))
        try:
            place = folder.stat()
            if (place.st_dev, place.st_ino) in seen:
                continue  # a link to where the walk has been
            seen.add((place.st_dev, place.st_ino))
            with os.scandir(folder) as entries:
                inside = sorted((e.name for e in entries if not e.name.startswith(".")), reverse=True)
        except OSError as error:
            refused[name if folder != given else shown(given)] = Unreadable.by_machine(folder, error)
            continue
        for entry in reversed(inside):
            path = folder / entry
            name = shown(path.relative_to(given).as_posix())
            try:
                kind = kind_of(path.stat().st_mode)
            except OSError as error:
                refused[name] = Unreadable.by_machine(path, error)
                continue
            if kind is not None:
                refused[name] = Unreadable(f"{shown(path)} is {kind}", remedy="it was left out; remove it from there")
            elif path.is_dir():
                folders.append(path)
            else:
                yield path, name


def sha256(path: Path) -> str:
    """Content hash of the file as it lies on disk. Raises Unreadable."""
    try:
        with opened(path) as handle:
            return hashlib.file_digest(handle, "sha256").hexdigest()
    except OSError as error:
        raise Unreadable.by_machine(path, error) from error


class Digest:
    """Content hash of a file, made while it is read for another reason."""

    def __init__(self) -> None:
        self._hash = hashlib.sha256()
        self._size = 0

    def update(self, data: bytes) -> None:
        """The bytes that follow those before."""
        self._hash.update(data)
        self._size += len(data)

    def of(self, path: Path) -> str:
        """`sha256` of `path`, which is read once more unless all of it has been seen. Raises Unreadable."""
        return self._hash.hexdigest() if self._size == mark(path)[1] else sha256(path)


def mark(path: Path) -> tuple[int, int, int]:
    """What changes when somebody writes to the file. Raises Unreadable."""
    try:
        found = path.stat()
    except OSError as error:
        raise Unreadable.by_machine(path, error) from error
    return found.st_ino, found.st_size, found.st_mtime_ns


def groups(files: Sequence[InputFile], limit: int = BATCH_BYTES, count: int = BATCH_FILES) -> Iterator[list[InputFile]]:
    """Neighbouring files in groups of at most `limit` bytes (or of one file); an archive stands alone."""
    group: list[InputFile] = []
    size = 0
    for file in files:
        alone = ARCHIVE in (file.reader, group[0].reader if group else "")
        if group and (alone or size + file.size > limit or len(group) >= count):
            yield group
            group, size = [], 0
        group.append(file)
        size += file.size
    if group:
        yield group
