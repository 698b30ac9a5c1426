"""Files that cannot be read as what they are called: one sentence about what they are, and what to do.

Belongs here: opening a file safely, and telling workbooks, web pages and the like by their first bytes.
Does not belong here: faults within a file that is readable otherwise (they go to quarantine, see read.py).
"""

from __future__ import annotations

import errno
import os
import re
import stat
from io import BufferedReader
from pathlib import Path

from nexus.errors import InputError

#: Readers of text.
TEXT = frozenset({"json", "jsonl", "csv", "rows", "lines"})
_WORKBOOK = "open it in a spreadsheet program and save the sheet as CSV (UTF-8)"
_BINARY: tuple[tuple[bytes, str, str], ...] = (
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an old Excel workbook (.xls) or another Office file", _WORKBOOK),
    (b"PK\x05\x06", "an empty zip archive", "pack the files again"),
    (b"PAR1", "a Parquet file", "name it .parquet"),
    (b"7z\xbc\xaf\x27\x1c", "a 7-Zip archive", "unpack it, or pack the files as .zip or .tar.gz"),
    (b"Rar!\x1a\x07", "a RAR archive", "unpack it, or pack the files as .zip or .tar.gz"),
    (b"%PDF-", "a PDF document", "export the data as CSV or JSON"),
    (b"SQLite format 3\0", "a SQLite database", "export its tables as CSV"),
    (b"\x89PNG\r\n", "an image", "export the data as CSV or JSON"),
    (b"\x7fELF", "a program", "check which file was meant"),
    (b"Obj\x01", "an Avro file", "export it as Parquet or JSON"),
    (b"ORC", "an ORC file", "export it as Parquet"),
)
#: Spreadsheets that are zip archives, by the names of their members.
_ZIPPED: tuple[tuple[re.Pattern[bytes], str], ...] = (
    (re.compile(rb"mimetypeapplication/vnd\.oasis\.opendocument\."), "an OpenDocument spreadsheet (.ods)"),
    (re.compile(rb"Index/Document\.iwa"), "a Numbers spreadsheet (.numbers)"),
    (re.compile(rb"\[Content_Types\]\.xml|xl/|_rels/"), "an Excel workbook (.xlsx)"),
)
_PAGE = re.compile(rb"\s*(?:<!doctype\s+html|<html|<head[\s>]|<body[\s>])", re.IGNORECASE)
_TITLE = re.compile(rb"<title[^>]*>\s*(.*?)\s*</title>", re.IGNORECASE | re.DOTALL)
_XML = re.compile(rb"\s*<\?xml\s", re.IGNORECASE)


class Unreadable(InputError):
    """A file of which nothing can be read. Files beside it land all the same."""

    #: Whether the same file may be readable later: the machine, or whoever writes to it, is to blame.
    passes = False

    @classmethod
    def by_machine(cls, path: Path, error: OSError) -> Unreadable:
        """For an error of the operating system."""
        found = cls._by_machine(path, error)
        found.passes = True
        return found

    @classmethod
    def _by_machine(cls, path: Path, error: OSError) -> Unreadable:
        if error.errno == errno.ELOOP or (isinstance(error, FileNotFoundError) and path.is_symlink()):
            to = "itself" if error.errno == errno.ELOOP else "nowhere"
            return cls(f"{shown(path)} is a link that leads to {to}", remedy="remove the link, or mend it")
        if isinstance(error, FileNotFoundError):
            return cls(f"{shown(path)} has vanished", remedy="ingest it again once it lies there whole")
        if isinstance(error, PermissionError):
            return cls(
                f"{shown(path)}: no permission to read it",
                remedy=f"let the account that runs Nexus read it: chmod +r {shown(path)}",
            )
        return cls(
            f"{shown(path)} cannot be read: {error.strerror or error}", remedy="check the disk or the share it is on"
        )


def shown(name: Path | str) -> str:
    """A file's name as text that can be stored and shown: names may hold any byte but NUL."""
    text = os.fsencode(name).decode("utf-8", "backslashreplace")
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def kind_of(mode: int) -> str | None:
    """What a path is that is neither file nor folder; None for files and folders."""
    if stat.S_ISREG(mode) or stat.S_ISDIR(mode):
        return None
    kinds = {
        stat.S_IFIFO: "a named pipe",
        stat.S_IFSOCK: "a socket",
        stat.S_IFCHR: "a device",
        stat.S_IFBLK: "a device",
    }
    return kinds.get(stat.S_IFMT(mode), "no ordinary file")


def opened(path: Path) -> BufferedReader:
    """The file, open for reading. Raises Unreadable; never waits for a pipe that nobody writes to."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | getattr(os, "O_CLOEXEC", 0))
        kind = kind_of(os.fstat(handle).st_mode)
    except OSError as error:
        raise Unreadable.by_machine(path, error) from error
    if kind is not None:
        os.close(handle)
        raise Unreadable(f"{shown(path)} is {kind}", remedy="write its content to a file and ingest that")
    return os.fdopen(handle, "rb")


def check(name: str, head: bytes, reader: str) -> None:
    """Raises Unreadable when `head`, the first unpacked bytes of a file, shows that it is no text for `reader`."""
    if reader not in TEXT:
        return
    for mark, what, remedy in _BINARY:
        if head.startswith(mark):
            raise Unreadable(f"{name} is {what}, not {_wanted(reader)}", remedy=remedy)
    if head.startswith(b"PK\x03\x04"):
        for names, what in _ZIPPED:
            if names.search(head):
                raise Unreadable(f"{name} is {what}, not {_wanted(reader)}", remedy=_WORKBOOK)
        raise Unreadable(f"{name} is a zip archive, not {_wanted(reader)}", remedy="name it .zip")
    if reader != "lines" and _PAGE.match(head):
        title = _TITLE.search(head)
        called = f" (“{shown(title[1].decode('utf-8', 'replace')[:80])}”)" if title and title[1] else ""
        raise Unreadable(
            f"{name} is a web page{called}, not {_wanted(reader)}",
            remedy="the download answered with a page of its own, mostly a sign-in or an error: download it again",
        )
    if reader != "lines" and _XML.match(head):
        raise Unreadable(f"{name} is an XML document, not {_wanted(reader)}", remedy="export the data as CSV or JSON")


def _wanted(reader: str) -> str:
    return {"json": "JSON", "jsonl": "JSON lines", "csv": "CSV", "rows": "CSV", "lines": "a text file"}[reader]
