"""Where the values of a JSON text begin and end, found without parsing them.

Belongs here: strings, brackets and commas of a piece of text, as arrays. Does not belong here: files, records.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from warehouse.land.chunk import Spelling

#: Deeper documents go to quarantine: JSON functions of the engines call themselves for each level.
MAX_DEPTH = 1000
_QUOTE, _BACKSLASH, _COMMA, _COLON, _OPEN, _CLOSE, _FOLD = 34, 92, 44, 58, 0x7B, 0x7D, 0x20
_NEWLINE, _BLANK = 10, 32
_STRETCH = 256 * 1024
TOO_DEEP = f"nested deeper than {MAX_DEPTH:,} levels"


def structure(data: bytes | memoryview) -> tuple[np.ndarray, np.ndarray]:
    """Places of the brackets and commas that stand outside of strings, and the depth after each."""
    text = np.frombuffer(data, dtype=np.uint8)
    quotes = _quotes(text)
    # folded, [ and { are one character, and so are ] and }
    folded = text | _FOLD
    openers = folded == _OPEN
    closers = folded == _CLOSE
    marks = np.flatnonzero(openers | closers | (text == _COMMA))
    if len(quotes):
        marks = marks[np.searchsorted(quotes, marks) % 2 == 0]
    steps = openers[marks].astype(np.int64) - closers[marks]
    return marks, np.cumsum(steps)


def _quotes(text: np.ndarray) -> np.ndarray:
    """Places of the quotation marks that begin or end a string."""
    quotes = np.flatnonzero(text == _QUOTE)
    if not len(quotes):
        return quotes
    doubtful = quotes[text[np.maximum(quotes, 1) - 1] == _BACKSLASH]
    if not len(doubtful):
        return quotes
    # a quote is escaped when an odd number of backslashes stands before it
    backs = np.flatnonzero(text == _BACKSLASH)
    last = np.searchsorted(backs, doubtful - 1)
    begins = np.flatnonzero(np.diff(backs, prepend=-2) != 1)
    run = last - begins[np.searchsorted(begins, last, side="right") - 1] + 1
    return np.setdiff1d(quotes, doubtful[run % 2 == 1], assume_unique=True)


def places(text: np.ndarray, wanted: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
    """Places of the wanted characters, a stretch at a time: for the whole at once, memory would have to be fetched and cleared."""
    found = [np.flatnonzero(wanted(text[at : at + _STRETCH])) + at for at in range(0, len(text), _STRETCH)]
    return np.concatenate(found) if found else np.empty(0, np.int64)


def spelt(data: bytes) -> tuple[np.ndarray, Spelling]:
    """Ends of the lines of `data`, and what is seen of the documents that they are: one a line, but for a rest behind them."""
    text = np.frombuffer(data, dtype=np.uint8)
    marks = places(text, lambda stretch: (stretch == _NEWLINE) | (stretch == _COLON))
    ending = text[marks] == _NEWLINE
    before = text[marks - 1]
    named = ~ending & (before == _QUOTE)
    last = np.flatnonzero(ending)
    names = np.diff(np.cumsum(named)[last], prepend=0)
    # a name may also end with a quotation mark and a blank; that inside a string text looks the same does no harm
    apart = marks[~ending & (before <= _BLANK)]
    if len(apart):
        lines = np.searchsorted(marks[last], apart)
        names[lines[lines < len(names)]] = -1
    after = text[np.minimum(marks[named] + 1, max(len(text) - 1, 0))]
    dense = not (after == _BLANK).any() and b"\r" not in data and not _blank_after_comma(data, text)
    return marks[last] + 1, Spelling(names, bool(dense), b"\\" in data)


def _blank_after_comma(data: bytes, text: np.ndarray) -> bool:
    """Whether the text holds a comma, a blank and a quotation mark in a row."""
    if b" " not in data:
        return False
    blanks = places(text, lambda stretch: stretch == _BLANK)
    blanks = blanks[(blanks > 0) & (blanks < len(text) - 1)]
    return bool(((text[blanks - 1] == _COMMA) & (text[blanks + 1] == _QUOTE)).any())


def openers_of(text: np.ndarray) -> np.ndarray:
    """Places of all opening brackets, within strings too: no text is nested deeper than it has of these."""
    return np.flatnonzero((text | _FOLD) == _OPEN)


def too_deep(data: bytes) -> bool:
    """Whether one JSON value is nested deeper than `MAX_DEPTH`."""
    if data.count(b"{") + data.count(b"[") <= MAX_DEPTH:
        return False
    depths = structure(data)[1]
    return bool(len(depths) and depths.max() > MAX_DEPTH)
