"""The process in which one side runs: `python -m bench.side <row> <step> <folder> <rows> <seed>`.

Belongs here: calling the row's function and telling what it took, as JSON on the last line of stdout.
Does not belong here: starting this process and watching its memory (run.py).
"""

from __future__ import annotations

import json
import resource
import signal
import sys
from pathlib import Path

from bench import rows
from bench.row import Clock, Place
from nexus import lean

PREPARE, COMPARE = "prepare", "compare"


def run(row_name: str, step: str, place: Place) -> dict[str, object]:
    row = rows.get(row_name)
    if step == PREPARE:
        row.prepare(place)
        return {}
    if step == COMPARE:
        return {"differences": row.differences(place)}
    clock = Clock()
    count = row.sides[step](place, clock)
    return {"rows": count, "seconds": clock.seconds, "figures": clock.figures, "peak": peak_bytes()}


def peak_bytes() -> int:
    """The most memory that this process has held."""
    status = Path("/proc/self/status")
    if status.exists():  # ru_maxrss would count the process that started this one
        return next(int(s.split()[1]) * 1024 for s in status.read_text().splitlines() if s.startswith("VmHWM"))
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def main() -> None:
    # what a side has started, it ends
    signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))
    lean.own()
    row_name, step, folder, count, seed = sys.argv[1:]
    told = run(row_name, step, Place(Path(folder), int(count), int(seed)))
    print(json.dumps(told), flush=True)


if __name__ == "__main__":
    main()
