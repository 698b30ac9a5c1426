"""Which files a landing reads, and in which groups.

Belongs here: walking folders, matching names to readers, hashing, grouping into batches.
Does not belong here: opening what is inside (read.py).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path

from nexus.contracts import PLAIN, Dialect, Source
from nexus.errors import InputError, NotFoundError

#: Files are put together into one batch up to this many bytes on disk; a larger file is a batch of its own.
BATCH_BYTES = 256 * 1024 * 1024
BATCH_FILES = 10_000
_COMPRESSED = (".gz", ".zst")


@dataclass(frozen=True, slots=True)
class InputFile:
    """`name` is what people and the ledger call it: the path below the folder that was given."""

    path: Path
    name: str
    reader: str
    size: int
    dialect: Dialect = PLAIN


def bare_name(path: Path) -> str:
    """File name without the ending of a compression."""
    return path.stem if path.suffix.lower() in _COMPRESSED else path.name


def reader_of(source: Source, path: Path) -> str | None:
    name = bare_name(path)
    return next((reader for pattern, reader in source.readers.items() if fnmatch(name, pattern)), None)


def discover(source: Source, paths: Sequence[Path]) -> tuple[list[InputFile], list[str]]:
    """Files that the source can read, in the order of their names, and the names of those that it cannot.

    Raises NotFoundError for a path that does not exist, InputError when there is nothing to read.
    """
    found: dict[Path, InputFile] = {}
    ignored: list[str] = []
    for given in paths:
        if not given.exists():
            raise NotFoundError(f"there is no file or folder {given}", remedy="check the path and its spelling")
        for path in _walk(given):
            name = path.relative_to(given).as_posix() if given.is_dir() else path.name
            reader = reader_of(source, path)
            if reader is None:
                ignored.append(name)
                continue
            found.setdefault(path.resolve(), InputFile(path, name, reader, path.stat().st_size, source.dialect))
    if not found:
        patterns = ", ".join(source.readers) or "none"
        raise InputError(
            f"nothing in {', '.join(map(str, paths))} is a file that source {source.name!r} reads",
            remedy=f"give a file or folder with names like: {patterns} (also .gz or .zst)",
        )
    return sorted(found.values(), key=lambda f: f.name), sorted(ignored)


def _walk(given: Path) -> Iterator[Path]:
    if given.is_file():
        yield given
        return
    for path in sorted(given.rglob("*")):
        if path.is_file() and not any(part.startswith(".") for part in path.relative_to(given).parts):
            yield path


def sha256(path: Path) -> str:
    """Content hash of the file as it lies on disk."""
    try:
        with path.open("rb") as handle:
            return hashlib.file_digest(handle, "sha256").hexdigest()
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror}", remedy="check its permissions") from error


def groups(files: Sequence[InputFile], limit: int = BATCH_BYTES, count: int = BATCH_FILES) -> Iterator[list[InputFile]]:
    """Neighbouring files in groups of at most `limit` bytes (or of one file)."""
    group: list[InputFile] = []
    size = 0
    for file in files:
        if group and (size + file.size > limit or len(group) >= count):
            yield group
            group, size = [], 0
        group.append(file)
        size += file.size
    if group:
        yield group
