"""Documents taken off the front of a JSON text, and found again behind a damaged one.

Belongs here: which piece of text is a document, and which is quarantined. Does not belong here: files, contracts.
Line numbers are those of the file, except inside an array: there the number of the element counts.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

import duckdb
import numpy as np
import orjson

from warehouse.land.chunk import Bad, Chunk, documents
from warehouse.land.json_again import HEAD, begins_again, is_damaged
from warehouse.land.json_scan import TOO_DEEP, structure, too_deep
from warehouse.land.text import EXCERPT_BYTES, excerpt

#: A document (an element of an array, or a whole page) is read up to this size.
DOCUMENT_BYTES = 64 * 1024 * 1024
#: Larger ones are not parsed here: the engine says whether they are JSON.
_LARGE = 1024 * 1024
#: The structure of so much text is looked at in one go.
_WINDOW = 128 * 1024
#: After so many faults in one piece of a file its structure is no guide any more, only its lines are.
_FAULTS = 8
#: Bytes that may be looked at for each byte read, and beyond: more faults on one line than that allows are not overcome.
_PATIENCE, _ALLOWANCE = 8, 256 * 1024 * 1024
_TOO_LONG = "the document is longer than"
_BLANK = b" \t\r\n"
_BETWEEN = re.compile(rb"[ \t\r\n,]*")
_COMMA, _CLOSE = ord(","), ord("]")
#: What the engine reads as JSON though the standard does not.
_LENIENT = re.compile(rb"NaN|Infinity|,\s*[}\]]|[0-9][eE]\+?[0-9]{3}")


@dataclass(slots=True)
class Values:
    """The documents and faults found so far, and where in the text the next one is looked for."""

    size: int = 0
    _data: bytes = b""
    _at: int = 0
    _line: int = 1
    _in_array: bool = False
    _element: int = 0
    #: What stands between the start of a line and an element of the array, so that one is found again.
    _indent: bytes = b""
    _skipping: bool = False
    _numbers: list[int] = field(default_factory=list)
    _texts: list[str] = field(default_factory=list)
    _bad: list[Bad] = field(default_factory=list)
    _bad_until: int = -1
    _skipped: int = 0
    #: Bytes given so far, how many of them are to be given again, and bytes looked at.
    _given: int = 0
    _left: int = 0
    _looked: int = 0
    _unread: int = 0

    def chunk(self) -> Chunk:
        """What was found since the last call."""
        made = documents(self._numbers, self._texts, self._bad, "json")
        made.has_arrays = any(text.startswith("[") for text in self._texts)
        made.unread = self._unread
        self._numbers, self._texts, self._bad, self.size, self._unread = [], [], [], 0, 0
        return made

    def take(self, data: bytes) -> bytes:
        """Takes every whole document of `data`; what is left is to be given again with more behind it."""
        self._data, self._at, self._bad_until = data, 0, -1
        self._given += len(data) - self._left
        if not self._skipping or self._found_again():
            self._scan()
            if len(data) - self._at > DOCUMENT_BYTES:
                self._too_long()
        self._left = len(data) - self._at
        return data[self._at :]

    def end(self, data: bytes, fault: str | None) -> None:
        """The text ends behind `data`, which holds no whole document any more; `fault` says that it broke there."""
        self._data, self._at = data, 0
        if self._skipping:
            self._unread = self._skipped + len(data)
            return
        faults = 0
        while self._next_line(len(data), faults):
            faults += 1
            self._scan()
        rest = data[self._at :].strip(_BLANK + b",")
        why = self._broken(rest) if rest else None
        self._keep(self._at, len(data), why and (fault or f"{why}; it is cut off"))
        if why:
            if why.startswith(TOO_DEEP) and len(rest) > EXCERPT_BYTES:
                self._unread += len(rest)  # brackets that are never closed look like depth
            return
        if self._in_array and not fault:
            fault = "not JSON: the array is cut off before its end"
        if fault:
            self._bad.append(Bad(self._element + 1 if self._in_array else self._line, fault, ""))

    def _scan(self) -> None:
        """Takes what is whole, a window of the text at a time."""
        window, faults = _WINDOW, 0
        while self._at < len(self._data):
            before = self._at
            self._enter_array()
            if faults > _FAULTS:
                faults = 0
                self._next_line(len(self._data), _FAULTS + 1)
            elif not self._pieces(min(self._at + window, len(self._data))):
                faults += 1
            if self._at > before:
                window = _WINDOW
            elif self._at + window >= len(self._data):
                break
            else:
                window *= 2

    def _enter_array(self) -> None:
        if self._in_array:
            return
        between = _BETWEEN.match(self._data, self._at)
        at = between.end() if between else self._at
        if self._data[at : at + 1] == b"[":
            self._pass(at + 1)
            self._in_array, self._element = True, 0
            gap = re.compile(rb"[ \t\r\n]*").match(self._data, at + 1)
            blank = gap[0] if gap else b""
            self._indent = blank[blank.rfind(b"\n") + 1 :] if b"\n" in blank else b""

    def _pieces(self, limit: int) -> bool:
        """Takes what ends before `limit`. False when something was broken so that the text must be looked at anew."""
        start = self._at
        self._looked += limit - start
        marks, depths = structure(self._data[start:limit])
        commas = np.frombuffer(self._data, np.uint8)[marks + start] == _COMMA
        if self._in_array:
            ends = ((depths == 0) & commas) | (depths < 0)
        else:
            # a bracket that closes too much lowers the ground for what follows
            ends = depths == np.minimum.accumulate(np.minimum(depths, 0))
        for mark, comma, depth in zip(marks[ends].tolist(), commas[ends].tolist(), depths[ends].tolist(), strict=True):
            at = start + mark
            leaves = self._in_array and depth < 0
            if not self._piece(at if comma or leaves else at + 1):
                return False
            if comma or leaves:
                self._at = at + 1
            if leaves:
                self._in_array = False
                if self._data[at] != _CLOSE:
                    self._bad.append(Bad(self._line, "not JSON: a bracket closes that was not opened", "}"))
                return True
        return True

    def _piece(self, end: int) -> bool:
        """Takes the text up to `end` as one document; False when it is broken and others begin within it."""
        text = self._data[self._at : end].strip(_BLANK)
        if not text:
            self._pass(end)
            return True
        why = self._broken(text)
        if why and self._next_line(end):
            return False
        self._keep(self._at, end, why)
        return True

    def _next_line(self, end: int, faults: int = 0) -> bool:
        """Goes on to where a document can begin again before `end`: within the line, or on the next line that one can
        begin on; after many faults, to the last of such lines."""
        starts = self._starts(self._at + 1, end)
        if not starts or faults <= _FAULTS:
            starts = self._within_line(starts[0] if starts else end) or starts
        for start in starts if faults > _FAULTS else starts[:1]:
            self._keep(self._at, start, self._broken(self._data[self._at : start].strip(_BLANK + b",")))
        return bool(starts)

    def _keep(self, start: int, end: int, why: str | None) -> None:
        """One document, or what is wrong with it; and on to `end`."""
        between = _BETWEEN.match(self._data, start, end)
        begin = between.end() if between else start
        self._pass(begin)
        text = self._data[begin:end].strip(_BLANK + b",")
        if text:
            self._element += 1
            number = self._element if self._in_array else self._line
            if why and self._bad_until == begin and text in (b"]", b"}"):
                self._bad[-1].raw += text.decode()  # a row of such brackets is one fault
                self._element -= 1
            elif why:
                where = f" (element {self._element} of the array, in line {self._line})" if self._in_array else ""
                self._bad.append(Bad(number, why + where, excerpt(text)))
                if len(text) > EXCERPT_BYTES and not why.startswith((_TOO_LONG, TOO_DEEP)):
                    self._unread += len(text)  # what is shorter is kept as a whole
            else:
                self._numbers.append(number)
                self._texts.append(text.decode())
            self.size += len(text)
            self._bad_until = end if why else -1
        self._pass(end)

    def _pass(self, end: int) -> None:
        self._line += self._data.count(b"\n", self._at, end)
        self._at = end

    def _starts(self, start: int, end: int) -> list[int]:
        """Where documents can begin: on lines as far in as the first of the array, behind a comma or not."""
        pattern = rb"\n" + (re.escape(self._indent) + rb"(?:,[ \t]*)?" if self._in_array else b"") + rb"(?=[{\[])"
        return [m.end() for m in re.compile(pattern).finditer(self._data, start, end)]

    def _within_line(self, end: int) -> list[int]:
        """Where a document begins before `end` though no line does, if what stands here is damaged."""
        between = _BETWEEN.match(self._data, self._at, end)
        at = between.end() if between else self._at
        self._looked += min(end - at, HEAD)
        patience = _PATIENCE * self._given + _ALLOWANCE - self._looked
        if patience <= 0 or not is_damaged(self._data, at, end):
            return []
        found, looked = begins_again(
            self._data, at + 1, end, self._in_array, lambda text: not self._broken(text), patience
        )
        self._looked += looked
        return [] if found is None else [found]

    def _found_again(self) -> bool:
        starts = self._starts(0, len(self._data))
        self._skipping = not starts
        self._pass(starts[0] if starts else max(len(self._data) - 64, 0))
        self._skipped = 0 if starts else self._skipped + self._at
        return not self._skipping

    def _too_long(self) -> None:
        if self._next_line(len(self._data), _FAULTS + 1):
            return
        self._skipped = len(self._data) - self._at
        self._keep(self._at, len(self._data), f"{_TOO_LONG} {DOCUMENT_BYTES >> 20} MB")
        self._skipping = True

    def _broken(self, text: bytes) -> str | None:
        """What is wrong with a text that should be one JSON value."""
        if too_deep(text):
            return TOO_DEEP
        if len(text) > _LARGE:
            return _not_utf8(text)
        try:
            orjson.loads(text)
        except orjson.JSONDecodeError as error:
            if _LENIENT.search(text) and _engine_reads(text):
                return None
            return _not_utf8(text) or f"not JSON: {error.msg}, in its line {error.lineno} at character {error.colno}"
        return None


def _engine_reads(text: bytes) -> bool:
    if _not_utf8(text):
        return False
    with duckdb.connect() as engine:
        found = engine.execute("select json_valid($1)", [text.decode()]).fetchone()
    return bool(found and found[0])


def _not_utf8(text: bytes) -> str | None:
    try:
        text.decode()
    except UnicodeDecodeError as error:
        return f"not UTF-8: byte 0x{text[error.start]:02x} at position {error.start + 1} of the document"
    return None
