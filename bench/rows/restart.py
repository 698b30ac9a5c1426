"""PostgreSQL goes away under a load of POSTs, by kill -9 and by order: how long nothing is answered, and what became of each.

Belongs here: the load, the end of the server, counting. Does not belong here: the slice that is asked (bench/notes.py),
asserting that nothing is half done (tests/faults/test_database_restarted.py).
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

import httpx

from bench import notes
from bench.load import CONNECTIONS, server
from bench.row import Clock, Goal, Measures, Place, Row
from nexus import postgres
from nexus.settings import Settings, get_settings

#: Requests answered before the server goes, for each one that is to be answered in all.
BEFORE = 0.3
_PAUSE_S, _PATIENCE_S = 0.05, 60
_GAP, _REFUSED = "longest without a 201, s", "answered 503"


@dataclass
class _Load:
    """Clients that send one note after another, and each again under its key until it is answered 201."""

    address: str
    token: str
    wanted: int
    go: Callable[[], None]
    answers: Counter[int] = field(default_factory=Counter)
    done: list[float] = field(default_factory=list)

    async def run(self) -> None:
        numbers = iter(range(self.wanted))
        ending = asyncio.create_task(self._end())
        async with asyncio.TaskGroup() as group:
            for _ in range(CONNECTIONS):
                group.create_task(self._client(numbers))
        await ending

    async def _end(self) -> None:
        while len(self.done) < BEFORE * self.wanted:
            await asyncio.sleep(0.01)
        await asyncio.to_thread(self.go)

    async def _client(self, numbers: object) -> None:
        headers = {"Authorization": f"Bearer {self.token}"}
        async with httpx.AsyncClient(base_url=self.address, headers=headers, timeout=_PATIENCE_S) as client:
            for number in numbers:  # type: ignore[attr-defined]
                said = {"title": f"note {number}"}
                while True:
                    answer = await client.post("/v1/notes", json=said, headers={"Idempotency-Key": f"key-{number}"})
                    self.answers[answer.status_code] += 1
                    if answer.status_code == 201:
                        break
                    await asyncio.sleep(_PAUSE_S)
                self.done.append(time.monotonic())


def _kill(settings: Settings) -> None:
    pid = postgres.describe(settings).pid
    assert pid
    os.kill(pid, signal.SIGKILL)


def _stop(settings: Settings) -> None:
    postgres.stop(postgres.describe(settings))


def _measured(place: Place, clock: Clock, side: str, end: Callable[[Settings], None]) -> int:
    # a server of its own, which the API starts again by itself as on a laptop
    os.environ.pop("NEXUS_DATABASE_URL", None)
    os.environ["NEXUS_HOME"] = str(place.folder / side)
    get_settings.cache_clear()
    settings = get_settings()
    try:
        token = notes.prepare(settings)
        with server("bench.notes:nexus") as port:
            load = _Load(f"http://127.0.0.1:{port}", token, place.rows, lambda: end(settings))
            with clock:
                asyncio.run(load.run())
        found = notes.rows(settings)
    finally:
        postgres.stop(postgres.describe(settings))
    gaps = [after - before for before, after in zip(load.done, load.done[1:], strict=False)]
    clock.figures |= {_GAP: round(max(gaps), 2), _REFUSED: load.answers[503]}
    left = {"statuses": sorted(load.answers), "notes": found["notes"], "events": found["events"]}
    (place.folder / f"{side}.json").write_text(json.dumps(left))
    return place.rows


def killed(place: Place, clock: Clock) -> int:
    return _measured(place, clock, "killed", _kill)


def ordered(place: Place, clock: Clock) -> int:
    return _measured(place, clock, "ordered", _stop)


def differences(place: Place) -> list[str]:
    expected = {"statuses": [201, 503], "notes": place.rows, "events": place.rows}
    left = {side: json.loads((place.folder / f"{side}.json").read_text()) for side in ROW.sides}
    return [
        f"{side}: {what} {found[what]}, not {expected[what]}"
        for side, found in left.items()
        for what in expected
        if found[what] != expected[what]
    ]


def _soon(measures: Measures) -> tuple[str, bool]:
    gaps = [side.figures[_GAP] for sides in measures.values() for side in sides.values()]
    return ", ".join(f"{gap:.2f} s" for gap in gaps), max(gaps) <= 10


ROW = Row(
    title=f"PostgreSQL goes under {CONNECTIONS} clients that post; each note and its event are there once",
    sizes=(5_000,),
    sides={"killed": killed, "ordered": ordered},
    goals=(Goal("answers again within 10 s, by itself", _soon),),
    differences=differences,
    unit="requests",
)
