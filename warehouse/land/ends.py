"""Where the lines of a piece of text end, and whether one begins with a bracket.

Belongs here: finding them by compiled code (lines.c), or by numpy where there is none. Does not belong here: what the
lines are (read.py).
"""

from __future__ import annotations

import ctypes

import numpy as np

from warehouse.land import native
from warehouse.land.json_scan import places

_NEWLINE, _BRACKET = ord("\n"), ord("[")
#: Lines that are shorter on average are left to numpy, so that room for the places stays small.
_SHORT = 16


def line_ends(data: bytes) -> tuple[np.ndarray, bool]:
    """Places behind the line ends of `data`; whether a line, or the rest behind the last one, begins with a bracket."""
    return _by_compiled_code(data) or _by_numpy(data)


def brackets(data: bytes, ends: np.ndarray) -> bool:
    """Whether a line of `data`, or the rest behind the last one, begins with a bracket."""
    starts = np.concatenate([[0], ends])
    return bool((np.frombuffer(data, np.uint8)[starts[starts < len(data)]] == _BRACKET).any())


def _by_compiled_code(data: bytes) -> tuple[np.ndarray, bool] | None:
    library = native.at_hand()
    if library is None:
        return None
    ends, bracket = np.empty(len(data) // _SHORT + 1, np.int32), ctypes.c_int64()
    count = library.lines(data, len(data), ends.ctypes.data, len(ends), bracket)
    return None if count < 0 else (ends[:count].copy(), bool(bracket.value))


def _by_numpy(data: bytes) -> tuple[np.ndarray, bool]:
    ends = places(np.frombuffer(data, np.uint8), lambda stretch: stretch == _NEWLINE) + 1
    return ends, brackets(data, ends)
