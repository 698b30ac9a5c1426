"""Puts a file that was taken, and the report about it, into `done` or `failed`, under one name that is free.

Belongs here: names, the two steps, finding the report of a file that was not put away any more.
Does not belong here: what the report says (report.py), when it is written (taking.py).
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from itertools import count
from pathlib import Path

from nexus.errors import MachineError
from nexus.trouble import machine_error
from orchestration.inbox.folder import DONE, FAILED, Drop

_REPORT = ".report.md"


def report_path(drop: Drop, where: str) -> Path:
    """Of a new report in `where`: a name that neither an earlier report nor an earlier file of that folder has."""
    return next(path for path in _names(drop, where) if not path.exists() and not _file(path).exists())


def written_for(drop: Drop) -> Path | None:
    """The report about this very file, where whoever took it was killed before putting the file beside it."""
    for where in (DONE, FAILED):
        for path in _names(drop, where):
            if not path.exists() and not _file(path).exists():
                break
            if path.exists() and not _file(path).exists() and path.read_text().startswith(_mark(drop)):
                return path
    return None


def write(drop: Drop, path: Path, text: str) -> None:
    """Writes the report whole or not at all. It begins with a comment that says which file it is about."""
    with _allowed(drop, path):
        path.parent.mkdir(exist_ok=True)
        scratch = path.with_name(f".{path.name}.{os.getpid()}.tmp")
        scratch.write_text(_mark(drop) + text)
        scratch.replace(path)


def away(drop: Drop, path: Path) -> None:
    """Puts the file beside its report."""
    with _allowed(drop, path):
        drop.path.rename(_file(path))


@contextmanager
def _allowed(drop: Drop, path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise machine_error(error) or MachineError(
            f"{drop.path} cannot be put into {path.parent}: {error.strerror}",
            remedy="give the account that runs Nexus the right to write in that folder",
        ) from error


def _names(drop: Drop, where: str) -> Iterator[Path]:
    for number in count(1):
        name = drop.path.name if number == 1 else f"{drop.path.stem}-{number}{drop.path.suffix}"
        yield drop.folder / where / f"{name}{_REPORT}"


def _file(report: Path) -> Path:
    return report.with_name(report.name.removesuffix(_REPORT))


def _mark(drop: Drop) -> str:
    """The same for as long as nobody writes to the file, and not for another one of that name."""
    return f"<!-- {sha256(repr(drop.fingerprint()).encode()).hexdigest()[:16]} -->\n"
