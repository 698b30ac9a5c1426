"""Memory that is given back: pieces of a landing are large and short-lived.

Belongs here: the one setting of the C library that matters. Does not belong here: how large pieces are (read.py).
"""

from __future__ import annotations

import ctypes
import sys
from functools import lru_cache

_M_MMAP_THRESHOLD = -3
_LARGE = 1024 * 1024


@lru_cache(maxsize=1)
def give_back() -> None:
    """Lets glibc go on mapping large blocks by themselves, so that freeing one gives its memory back.

    Left to itself it raises that threshold with every large block that is freed, up to 32 MB, and then keeps them in
    heaps that small blocks hold open: a landing of a gigabyte grew by hundreds of megabytes.
    """
    if sys.platform == "linux":
        mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
        if mallopt is not None:
            mallopt(_M_MMAP_THRESHOLD, _LARGE)
