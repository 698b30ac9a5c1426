"""Where the values of a JSON text begin and end, found without parsing them.

Belongs here: strings, brackets and commas of a piece of text, as arrays. Does not belong here: files, records.
"""

from __future__ import annotations

import numpy as np

#: Deeper documents go to quarantine: JSON functions of the engines call themselves for each level.
MAX_DEPTH = 1000
_QUOTE, _BACKSLASH, _COMMA, _OPEN, _CLOSE, _FOLD = 34, 92, 44, 0x7B, 0x7D, 0x20
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


def openers_of(text: np.ndarray) -> np.ndarray:
    """Places of all opening brackets, within strings too: no text is nested deeper than it has of these."""
    return np.flatnonzero((text | _FOLD) == _OPEN)


def too_deep(data: bytes) -> bool:
    """Whether one JSON value is nested deeper than `MAX_DEPTH`."""
    if data.count(b"{") + data.count(b"[") <= MAX_DEPTH:
        return False
    depths = structure(data)[1]
    return bool(len(depths) and depths.max() > MAX_DEPTH)
