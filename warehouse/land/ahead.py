"""The next piece of a file is read while the one before is looked at.

Belongs here: one thread, one item ahead. Does not belong here: what is read.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")
_END = object()


def ahead(source: Iterator[T]) -> Iterator[T]:
    """The items of `source`, each made while the caller is busy with the one before; what it raises is raised here.

    The source runs in a thread of its own, never beside itself, and is closed when this is.
    """
    try:
        with ThreadPoolExecutor(1, thread_name_prefix="reading") as thread:
            coming = thread.submit(next, source, _END)
            while (item := coming.result()) is not _END:
                coming = thread.submit(next, source, _END)
                yield item  # type: ignore[misc]
    finally:
        if isinstance(source, Generator):
            source.close()
