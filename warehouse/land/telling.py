"""How far a landing is, in bytes of its files.

Belongs here: turning bytes read into `Progress`. Does not belong here: showing it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from warehouse.land.files import InputFile
from warehouse.land.report import Progress


class Teller:
    """Turns bytes read into progress."""

    def __init__(self, files: Sequence[InputFile], progress: Callable[[Progress], None] | None) -> None:
        self._progress = progress
        self._total = sum(file.size for file in files)
        self._count = len(files)
        self._done = 0
        self._bytes = 0
        self._within = 0

    def reading(self, file: InputFile) -> Callable[[int], None]:
        self._finish_file(file)

        def on_read(count: int) -> None:
            self._within = min(self._within + count, file.size)
            self._tell(file.name)

        return on_read

    def replace(self, archive: InputFile, members: Sequence[InputFile]) -> None:
        """An archive turned out to be these files."""
        self._total += sum(member.size for member in members) - archive.size
        self._count += len(members) - 1

    def skip(self, file: InputFile) -> None:
        self._finish_file(file)
        self._tell(file.name)

    def finish(self) -> None:
        self._bytes, self._within, self._done = self._total, 0, self._count
        self._tell("")

    def _finish_file(self, file: InputFile) -> None:
        self._bytes += self._within
        self._within = 0
        self._done += 1

    def _tell(self, name: str) -> None:
        if self._progress:
            done = min(self._bytes + self._within, self._total)
            self._progress(Progress(name, min(self._done, self._count), self._count, done, self._total))
