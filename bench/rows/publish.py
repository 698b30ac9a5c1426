"""Publishing while others read: how soon a new version is seen, and whether any read fails.

Belongs here: twenty publications, and what two reading processes saw. Does not belong here: reading (bench/readers.py).
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from bench.row import Clock, Goal, Measures, Place, Row
from nexus.settings import PROJECT, Settings
from warehouse.engines import open_engine
from warehouse.publish import build_lock, publish

PUBLICATIONS, READERS, READS = 20, 2, 1_000
_PATIENCE_S = 120


def _build(settings: Settings, version: int, rows: int) -> None:
    with open_engine("duckdb", settings) as session:
        run = session.connection.execute  # type: ignore[attr-defined]
        run("create schema if not exists marts")
        run("drop table if exists marts.fct_number")
        run(f"create table marts.fct_number as select {version} as version, n from range({rows}) t(n)")


def _publish(settings: Settings, version: int, rows: int) -> float:
    """Builds and publishes; the moment of the switch."""
    moments: list[float] = []
    _build(settings, version, rows)
    with build_lock(settings):
        publish(settings, checkpoint=lambda step: moments.append(time.time()) if step == "switched" else None)
    return moments[0]


def _readers(stop: Path, rows: int) -> list[subprocess.Popen[str]]:
    command = [sys.executable, "-m", "bench.readers", str(stop), str(rows)]
    started = [subprocess.Popen(command, cwd=PROJECT, stdout=subprocess.PIPE, text=True) for _ in range(READERS)]
    for process in started:
        assert process.stdout is not None
        process.stdout.readline()
    return started


def _nexus(place: Place, clock: Clock) -> int:
    settings, stop = place.settings, place.folder / "stop"
    _publish(settings, 1, place.rows)
    readers = _readers(stop, place.rows)
    switched: dict[int, float] = {}
    try:
        with clock:
            for version in range(2, PUBLICATIONS + 2):
                switched[version] = _publish(settings, version, place.rows)
        time.sleep(1)
    finally:
        stop.touch()
    told: list[dict[str, Any]] = [json.loads(p.communicate(timeout=_PATIENCE_S)[0]) for p in readers]
    waits = [moment - switched[int(v)] for t in told for v, moment in t["saw"].items() if int(v) in switched]
    failed = [text for t in told for text in t["failed"]]
    last = min(max(map(int, t["saw"])) for t in told)
    clock.figures |= {
        "reads": sum(t["reads"] for t in told), "failed reads": len(failed),
        "slowest sight of a new version, s": max(waits), "last version seen by all": last,
    }  # fmt: skip
    (place.folder / "failed.json").write_text(json.dumps(failed))
    return PUBLICATIONS


def _seen_soon(measures: Measures) -> tuple[str, bool]:
    waits = [sides["nexus"].figures["slowest sight of a new version, s"] for sides in measures.values()]
    whole = all(sides["nexus"].figures["last version seen by all"] == PUBLICATIONS + 1 for sides in measures.values())
    return ", ".join(f"{wait:.2f} s" for wait in waits), max(waits) <= 1 and whole


def _none_fails(measures: Measures) -> tuple[str, bool]:
    found = [sides["nexus"].figures for sides in measures.values()]
    text = ", ".join(f"{f['failed reads']:.0f} of {f['reads']:,.0f}" for f in found)
    return text, all(f["failed reads"] == 0 and f["reads"] >= READS for f in found)


ROW = Row(
    title=f"{PUBLICATIONS} publications of a mart while {READERS} other processes read it",
    sizes=(1_000_000,),
    sides={"nexus": _nexus},
    goals=(
        Goal("every reader sees a new version at most 1 s after the switch", _seen_soon),
        Goal(f"no failed read in at least {READS:,}", _none_fails),
    ),
    differences=lambda place: [
        f"a read failed: {text}" for text in json.loads((place.folder / "failed.json").read_text())
    ],
    unit="rows in the mart",
)
