"""Where documents begin again behind a damaged one, on the same line.

Belongs here: telling a neighbour of the damaged document from what lies within it. Does not belong here: documents that
begin on a line of their own (json_values.py).

A place is believed when what begins there can be parsed, and nothing behind it closes an array that was open before, but
for the one that ends the text: objects within the damaged document are followed by the end of their own array.
"""

from __future__ import annotations

import re
from collections.abc import Callable

import numpy as np
import orjson

from warehouse.land.json_scan import structure

#: So far behind a place the brackets are looked at.
_AHEAD = 4 * 1024 * 1024
_WINDOW = 16 * 1024
#: What is a whole text so far, as far as this, is not damaged but long or cut off.
HEAD = 1024 * 1024
_ELEMENT, _DOCUMENT = re.compile(rb",[ \t]*(?=\{)"), re.compile(rb"\}[ \t]*(?=\{)")
_BLANK_TO_END = re.compile(rb"[ \t\r\n]*\Z")
_COMMA, _CLOSE = ord(","), ord("]")


def is_damaged(data: bytes, at: int, end: int) -> bool:
    """Whether the text from `at`, which is no JSON value, could not become one by more behind it."""
    head = data[at : min(end, at + HEAD)].decode("utf-8", "ignore")
    try:
        orjson.loads(head)
    except orjson.JSONDecodeError as error:
        return not error.msg.startswith("unexpected end") and error.pos < len(head) - 1
    return False


def begins_again(
    data: bytes, start: int, end: int, in_array: bool, is_good: Callable[[bytes], bool], patience: int
) -> tuple[int | None, int]:
    """The first place from `start` and before `end` at which an element (or a document) begins, and how many bytes were
    looked at for that: hardly more than `patience`. `is_good` parses one."""
    looked = 0
    pattern = _ELEMENT if in_array else _DOCUMENT
    while looked < patience and (found := pattern.search(data, start, end)) and found.end() < end:
        at = found.end()
        stands, start, seen = (_stands if in_array else _is_document)(data, at, is_good)
        looked += seen
        if stands:
            return at, looked
    return None, looked


def _stands(data: bytes, at: int, is_good: Callable[[bytes], bool]) -> tuple[bool, int, int]:
    """Whether an element of the outer array begins at `at`; where to look on if not; bytes looked at."""
    window, parsed, looked = _WINDOW, False, 0
    while True:
        limit = min(at + window, at + _AHEAD, len(data))
        marks, depths = structure(memoryview(data)[at:limit])
        looked += limit - at
        marks = marks + at
        if not parsed:
            commas = np.frombuffer(data, np.uint8)[marks] == _COMMA
            ends = np.flatnonzero(((depths == 0) & commas) | (depths < 0))
            if len(ends):
                if not is_good(data[at : int(marks[ends[0]])].strip()):
                    return False, at, looked
                parsed = True
        leaves = np.flatnonzero(depths < 0)
        if len(leaves):
            leave = int(marks[leaves[0]])
            # a brace too many is another fault, not the end of an inner array
            stands = data[leave] != _CLOSE or _BLANK_TO_END.match(data, leave + 1) is not None
            return stands, leave + 1, looked
        if limit == len(data) or limit == at + _AHEAD:
            return parsed, at, looked
        window *= 4


def _is_document(data: bytes, at: int, is_good: Callable[[bytes], bool]) -> tuple[bool, int, int]:
    """As `_stands`, of documents one after another."""
    window, looked = _WINDOW, 0
    while True:
        limit = min(at + window, at + _AHEAD, len(data))
        marks, depths = structure(memoryview(data)[at:limit])
        looked += limit - at
        commas = np.frombuffer(data, np.uint8)[marks + at] == _COMMA
        ends = np.flatnonzero((depths <= 0) & ~commas)
        if len(ends):
            return is_good(data[at : at + int(marks[ends[0]]) + 1]), at, looked
        if limit == len(data) or limit == at + _AHEAD:
            return False, at, looked
        window *= 4
