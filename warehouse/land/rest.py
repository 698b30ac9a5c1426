"""For how many pieces a short way is not tried again once it was no gain: for twice as many each time.

Belongs here: counting. Does not belong here: what is tried (shapes.py, stencils.py).
"""

from __future__ import annotations

#: Pieces, at first and at most.
_FIRST, _LONGEST = 4, 64


class Rest:
    """Over at the beginning."""

    def __init__(self) -> None:
        self._left, self._next = 0, _FIRST

    def begin(self) -> None:
        """From now on, for twice as many pieces as the last time."""
        self._left, self._next = self._next, min(2 * self._next, _LONGEST)

    def goes_on(self) -> bool:
        """Whether a piece, which is counted, falls into it."""
        if not self._left:
            return False
        self._left -= 1
        return True

    def forget(self) -> None:
        """The next one is as short as the first."""
        self._next = _FIRST
