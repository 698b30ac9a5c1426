"""What a row of the bench is: sides that do the same work, and a goal for the first of them.

Belongs here: the types that a row's module fills in. Does not belong here: running them (run.py).

A side's function sets everything up, then does the work inside `with clock:`; it gives back how many units it did.
Each call has a process, and unless `Row.one_home` says otherwise a home and a database, of its own.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from nexus.settings import Settings, get_settings

#: Bytes of a megabyte, as every figure of memory here counts them.
MEGABYTE = 1_000_000


@dataclass(frozen=True, slots=True)
class Place:
    """Where one size of a row is measured. `folder` holds what `prepare` made, for all sides, and their outputs."""

    folder: Path
    rows: int
    seed: int

    @property
    def settings(self) -> Settings:
        """Settings of the home and the database that the bench has made for this process."""
        return get_settings()

    def ready(self) -> Settings:
        """The same, once the ledger is there and the engine has imported what it imports at its first use."""
        import duckdb

        from warehouse import ledger

        duckdb.execute("select $1", [1])
        with ledger.connect(self.settings):
            return self.settings


@dataclass(slots=True)
class Clock:
    """Adds up the time spent inside `with clock:`. `figures` takes whatever else is worth printing."""

    seconds: float = 0.0
    figures: dict[str, float] = field(default_factory=dict)
    _began: float = 0.0

    def __enter__(self) -> Clock:
        self._began = time.perf_counter()
        return self

    def __exit__(self, *_: object) -> None:
        self.seconds += time.perf_counter() - self._began


@dataclass(frozen=True, slots=True)
class Measured:
    """One side at one size. `peak_bytes` is resident memory of its process and all processes that it started."""

    rows: int
    seconds: float
    peak_bytes: int
    figures: Mapping[str, float] = field(default_factory=dict)

    @property
    def rate(self) -> float:
        """Rows a second."""
        return self.rows / self.seconds if self.seconds else 0.0

    def as_dict(self) -> dict[str, Any]:
        return {**asdict(self), "rate": self.rate}


#: Sides by name, by size.
Measures = Mapping[int, Mapping[str, Measured]]


@dataclass(frozen=True, slots=True)
class Goal:
    """`judge` says what was found, in words, and whether that is enough."""

    text: str
    judge: Callable[[Measures], tuple[str, bool]]


@dataclass(frozen=True, slots=True)
class Row:
    """One promise. The first of `sides` is what is promised, the others are what it is compared with.

    `sizes` are the numbers of records that are measured unless `--rows` says otherwise. `differences` names what is not
    equal in the outputs that the sides left in the place; nothing is equal. With `one_home` all sides run one after
    another on the same home and database, which `prepare` has begun to fill, and each runs once. `curve` names the figure
    that is drawn against the sizes.
    """

    title: str
    sizes: tuple[int, ...]
    sides: Mapping[str, Callable[[Place, Clock], int]]
    goals: tuple[Goal, ...]
    differences: Callable[[Place], list[str]]
    prepare: Callable[[Place], None] = lambda _: None
    unit: str = "records"
    one_home: bool = False
    curve: str | None = None


def rate_at_least(share: float, of: str) -> Goal:
    """The first side does at least `share` times the rows per second of side `of`, at every size."""

    def judge(measures: Measures) -> tuple[str, bool]:
        ratios = [next(iter(sides.values())).rate / sides[of].rate for sides in measures.values()]
        return ", ".join(f"{ratio:.2f}" for ratio in ratios), min(ratios) >= share

    return Goal(f"at least {share:g} × {of}", judge)


def memory_at_most(megabytes: int) -> Goal:
    """The first side never holds more than this, at any size."""

    def judge(measures: Measures) -> tuple[str, bool]:
        peaks = [next(iter(sides.values())).peak_bytes / MEGABYTE for sides in measures.values()]
        return ", ".join(f"{peak:.0f} MB" for peak in peaks), max(peaks) <= megabytes

    return Goal(f"at most {megabytes} MB resident", judge)
