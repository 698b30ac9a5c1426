"""How far a step is: what long steps tell to whoever watches this process.

Belongs here: the wire between a step's body and a display. Does not belong here: the display (build_display.py).
Nobody listens in a run of the daemon; telling costs nothing then.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Told:
    """`done` of `total` (None: not known) in the step that runs now; `note` is what it is at."""

    done: float
    total: float | None
    note: str


_listeners: list[Callable[[Told], None]] = []


def tell(note: str = "", done: float = 0, total: float | None = None) -> None:
    for listener in _listeners:
        listener(Told(done, total, note))


@contextmanager
def listening(listener: Callable[[Told], None]) -> Iterator[None]:
    _listeners.append(listener)
    try:
        yield
    finally:
        _listeners.remove(listener)
