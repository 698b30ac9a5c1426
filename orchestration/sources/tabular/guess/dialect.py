"""How a text file is written: encoding, delimiter, quotes, header.

Belongs here: finding it out from the first megabyte. Does not belong here: what the columns mean (columns.py, match.py).
The encoding is charset-normalizer's guess, everything else that of DuckDB's `sniff_csv`.
"""

from __future__ import annotations

import codecs
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

import duckdb

from nexus.contracts import Dialect
from nexus.errors import InputError
from orchestration.sources.tabular.contract import READERS, SOURCE
from warehouse.land.files import reader_of
from warehouse.land.stream import CutOff, blocks

_SAMPLE = 1024 * 1024
#: What spreadsheets and older systems write, likelier ones first: several of them may say the same of a file.
_ENCODINGS = (
    "cp1252",
    "iso8859_15",
    "cp1250",
    "cp1251",
    "cp1253",
    "cp1254",
    "cp437",
    "cp850",
    "mac_roman",
    "shift_jis",
)
_MARKS = (("utf-8-sig", codecs.BOM_UTF8), ("utf-16", codecs.BOM_UTF16_LE), ("utf-16", codecs.BOM_UTF16_BE))


@dataclass(frozen=True, slots=True)
class Found:
    """`reader` and `dialect` as landing takes them; `doubts` are sentences for the person who confirms."""

    reader: str
    dialect: Dialect
    doubts: tuple[str, ...] = field(default=())


def sniff(path: Path, encoding: str | None = None, delimiter: str | None = None) -> Found:
    """The dialect of `path`; what is given is not guessed. Raises InputError for names and bytes that are no table."""
    reader = reader_of(SOURCE, path)
    if reader is None:
        raise InputError(
            f"{path.name}: its name does not tell what it is",
            remedy=f"name it like {', '.join(READERS)} (also .gz or .zst)",
        )
    if reader != "csv":
        return Found(reader, Dialect(encoding=encoding))
    data = _beginning(path)
    if not data.strip():
        raise InputError(f"{path.name} is empty", remedy="export it again")
    doubts: list[str] = []
    name = encoding or _encoding(data, path.name, doubts)
    return _dialect(_decoded(data, name), name, delimiter, doubts, path.name)


def _beginning(path: Path) -> bytes:
    data = bytearray()
    try:
        for block in blocks(path):
            data += block
            if len(data) >= _SAMPLE:
                break
    except CutOff:
        # landing says so with the line; what came before tells the dialect just as well
        return bytes(data)
    return bytes(data[:_SAMPLE])


def _encoding(data: bytes, name: str, doubts: list[str]) -> str:
    for mark, prefix in _MARKS:
        if data.startswith(prefix):
            return mark
    try:
        codecs.getincrementaldecoder("utf-8")("strict").decode(data)
    except UnicodeDecodeError as error:
        from charset_normalizer import from_bytes

        best = from_bytes(data, cp_isolation=["utf_16", "utf_16_le", "utf_16_be", *_ENCODINGS]).best()
        if best is None:
            raise InputError(
                f"{name}: neither UTF-8 nor any other encoding that is known (byte 0x{data[error.start]:02x})",
                remedy="say which: --encoding NAME, or export it as UTF-8; a spreadsheet or archive is no text",
            ) from error
        found = next((e for e in _ENCODINGS if _same(data, e, str(best))), best.encoding)
        line = _decoded(data, found)[: error.start + 40].splitlines()[-1]
        doubts.append(f"the text is not UTF-8; taken as {found}, in which it reads: {line[-60:].strip()}")
        return found
    return "utf-8"


def _same(data: bytes, encoding: str, text: str) -> bool:
    try:
        return data.decode(encoding) == text
    except UnicodeDecodeError:
        return False


def _decoded(data: bytes, encoding: str) -> str:
    try:
        return codecs.getincrementaldecoder(encoding)("replace").decode(data)
    except LookupError as error:
        raise InputError(
            f"{encoding!r} is no encoding", remedy="write it like utf-8, cp1252, latin-1 or utf-16"
        ) from error


def _dialect(text: str, encoding: str, delimiter: str | None, doubts: list[str], name: str) -> Found:
    # a last line that the sample cuts in two would mislead
    whole = text[: text.rfind("\n") + 1] or text
    with tempfile.TemporaryDirectory(prefix="nexus-map-") as folder, duckdb.connect() as engine:
        copy = Path(folder) / "sample.csv"
        copy.write_text(whole, encoding="utf-8", newline="")
        given = f", delim = '{delimiter}'" if delimiter else ""
        try:
            row = engine.execute(
                f"select Delimiter, Quote, HasHeader, SkipRows from sniff_csv(?, strict_mode = false{given})",
                [str(copy)],
            ).fetchone()
        except duckdb.Error:
            row = None
    counted = max(",;\t|", key=whole.split("\n", 1)[0].count)
    if row is None:
        doubts.append("the delimiter could not be told for sure: taken is the commonest sign of the first line")
        return Found("csv", Dialect(_named(encoding), delimiter or counted), tuple(doubts))
    found, quote, has_header, skipped = row
    if skipped:
        doubts.append(
            f"the table seems to begin after line {skipped}: delete the lines above it, landing reads no titles"
        )
    if not has_header:
        doubts.append("the first line looks like data: columns are called c1, c2, …")
    quote = quote if quote in ('"', "'") else '"'
    dialect = Dialect(_named(encoding), delimiter or (found if found.strip(" ") else counted), quote)
    return Found("csv" if has_header else "rows", dialect, tuple(doubts))


def _named(encoding: str) -> str | None:
    """None for what landing reads anyway; a mark at the beginning is taken off there."""
    return None if encoding in ("utf-8", "utf-8-sig") else encoding
