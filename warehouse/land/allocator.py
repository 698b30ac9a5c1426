"""Memory that is given back: pieces of a landing are large and short-lived.

Belongs here: what the C library is told. Does not belong here: how large pieces are (read.py).
"""

from __future__ import annotations

import ctypes
import sys
from functools import lru_cache
from typing import Any

import pyarrow as pa

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3
_LARGE = 1024 * 1024
#: Free memory at the end of a heap that is kept: memory that was given back is fetched again a page at a time, and
#: cleared, which cost a third of a landing.
_KEPT = 32 * 1024 * 1024


@lru_cache(maxsize=1)
def give_back() -> None:
    """Lets glibc go on mapping large blocks by themselves, so that freeing one gives its memory back.

    Left to itself it raises that threshold with every large block that is freed, up to 32 MB, and then keeps them in
    heaps that small blocks hold open: a landing of a gigabyte grew by hundreds of megabytes. Arrow is given the same memory: its
    own allocator keeps what was freed for later, forty megabytes of a landing.
    """
    pa.set_memory_pool(pa.system_memory_pool())
    if mallopt := _of_libc("mallopt"):
        mallopt(_M_MMAP_THRESHOLD, _LARGE)
        mallopt(_M_TRIM_THRESHOLD, _KEPT)


def trim() -> None:
    """Gives free pages between smaller blocks back as well: several threads make them, and each heap keeps its own.

    It takes a millisecond or less; without it a landing grew by sixty megabytes within three million records.
    """
    if malloc_trim := _of_libc("malloc_trim"):
        malloc_trim(0)


@lru_cache
def _of_libc(name: str) -> Any:
    """A function that glibc has, None elsewhere."""
    return getattr(ctypes.CDLL(None), name, None) if sys.platform == "linux" else None
