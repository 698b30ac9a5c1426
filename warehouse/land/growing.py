"""A file that is hashed and made durable while it is written, so that little of that is left to do at its end.

Belongs here: the thread that follows the file. Does not belong here: what is written (sink.py), what the file is then (write.py).
"""

from __future__ import annotations

import hashlib
import os
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

#: Bytes that are read at once, and those that are worth making durable.
_BLOCK, _STEP = 256 * 1024, 8 * 1024 * 1024


class Growing:
    """Follows the file at `path`, which somebody has begun and only adds to."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._handle = path.open("rb", buffering=0)
        self._hash = hashlib.sha256()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="following")
        self._under_way: Future[None] | None = None
        self._size = 0

    def grown(self) -> None:
        """Something was added. Raises OSError if what was there before could not be made durable."""
        if self._under_way is not None:
            if not self._under_way.done():
                return
            self._under_way.result()
        if self._path.stat().st_size - self._size >= _STEP:
            self._under_way = self._thread.submit(self._follow)

    def whole(self) -> str:
        """The file will not grow any more: its SHA-256, once it is durable. Raises OSError."""
        try:
            if self._under_way is not None:
                self._under_way.result()
            self._follow()
            return self._hash.hexdigest()
        finally:
            self.close()

    def _follow(self) -> None:
        while data := self._handle.read(_BLOCK):
            self._hash.update(data)
            self._size += len(data)
        os.fsync(self._handle.fileno())

    def close(self) -> None:
        """Lets go of it."""
        self._thread.shutdown()
        self._handle.close()
