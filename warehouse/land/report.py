"""What a landing did, in numbers that must add up.

Belongs here: counts and their invariant. Does not belong here: printing them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from warehouse.land.refuse import Unreadable


@dataclass(slots=True)
class Counts:
    """Records of one file or table: read = landed + duplicate + quarantined, always."""

    read: int = 0
    landed: int = 0
    duplicate: int = 0
    quarantined: int = 0

    def add(self, other: Counts) -> None:
        self.read += other.read
        self.landed += other.landed
        self.duplicate += other.duplicate
        self.quarantined += other.quarantined

    def plus(self, other: Counts) -> Counts:
        """The sum, as a value of its own."""
        total = Counts()
        total.add(self)
        total.add(other)
        return total

    def as_repeat(self, mended: int = 0) -> Counts:
        """The same records met once more: duplicates, but for those in quarantine; `mended` of these have landed since."""
        still = max(self.quarantined - mended, 0)
        return Counts(read=self.read, duplicate=self.read - still, quarantined=still)

    @property
    def balanced(self) -> bool:
        return self.read == self.landed + self.duplicate + self.quarantined

    def as_dict(self) -> dict[str, int]:
        return {
            "read": self.read,
            "landed": self.landed,
            "duplicate": self.duplicate,
            "quarantined": self.quarantined,
        }


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a landing is. `file` is being read now; bytes are those of the files as they lie on disk."""

    file: str
    files_done: int
    files_total: int
    bytes_done: int
    bytes_total: int


#: Key of `tables` for documents that no table of the source takes, and for text that is no document.
UNKNOWN = ""


@dataclass(slots=True)
class LandingReport:
    """Outcome of one `land` call. `files` and `tables` are two views of the same records.

    `outside` counts, by kind, the documents in quarantine that the contract does not speak of.
    `refused_files` could not be read at all, for the reason given; they count nowhere else, and may be given again.
    `still_quarantined` counts the records of `repeated_files` that nobody has mended yet; they are among `total.quarantined`.
    `unread` are files in which no record was found behind a fault: in how many bytes.
    """

    source: str
    workspace: str
    batches: list[str] = field(default_factory=list)
    total: Counts = field(default_factory=Counts)
    files: dict[str, Counts] = field(default_factory=dict)
    tables: dict[str, Counts] = field(default_factory=dict)
    new_columns: dict[str, list[str]] = field(default_factory=dict)
    repeated_files: list[str] = field(default_factory=list)
    still_quarantined: int = 0
    ignored_files: list[str] = field(default_factory=list)
    outside: dict[str, int] = field(default_factory=dict)
    refused_files: dict[str, Unreadable] = field(default_factory=dict)
    unread: dict[str, int] = field(default_factory=dict)

    read = property(lambda self: self.total.read)
    landed = property(lambda self: self.total.landed)
    duplicate = property(lambda self: self.total.duplicate)
    quarantined = property(lambda self: self.total.quarantined)

    @property
    def empty_files(self) -> list[str]:
        """Files that were read and hold no record."""
        return sorted(name for name, counts in self.files.items() if not counts.read)

    def refuse(self, found: Mapping[str, Unreadable]) -> None:
        """Notes files that cannot be read."""
        self.refused_files.update(found)

    def count(self, file: str, table: str, counts: Counts) -> None:
        """Adds the records of one table in one file."""
        self.total.add(counts)
        self.files.setdefault(file, Counts()).add(counts)
        self.tables.setdefault(table, Counts()).add(counts)
