"""The next pieces of a file are read while those before are looked at.

Belongs here: one thread, some items ahead. Does not belong here: what is read.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")
_END = object()
#: As many pieces as are looked at together: they are there when the last ones have been.
_AHEAD = 6


def ahead(source: Iterator[T]) -> Iterator[T]:
    """The items of `source`, made while the caller is busy with those before; what it raises is raised here.

    The source runs in a thread of its own, never beside itself, and is closed when this is.
    """
    try:
        with ThreadPoolExecutor(1, thread_name_prefix="reading") as thread:
            coming = deque(thread.submit(next, source, _END) for _ in range(_AHEAD))
            try:
                while (item := coming.popleft().result()) is not _END:
                    coming.append(thread.submit(next, source, _END))
                    yield item  # type: ignore[misc]
            finally:
                for unwanted in coming:
                    unwanted.cancel()
    finally:
        if isinstance(source, Generator):
            source.close()
