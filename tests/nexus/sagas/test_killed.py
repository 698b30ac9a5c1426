"""Workers killed in every call of a saga, forward and back, and between them: another goes on, no effect is lost and none there twice."""

from __future__ import annotations

from pathlib import Path

import pytest

from nexus import sagas
from tests.nexus.jobs import workers
from tests.nexus.jobs.house import House
from tests.nexus.jobs.workers import until

pytestmark = pytest.mark.integration

WHOLE, BROKEN = ["one", "two"], ["one", "two", "un-two", "un-one"]
#: Points of each call; after the commit of one, nothing of it is open any more.
IN_CALLS = [
    (saga, f"{call}-{point}")
    for saga, calls in (("whole", WHOLE), ("broken", BROKEN))
    for call in calls
    for point in ("begun", "written", "committed")
]
#: Points of the saga itself: while it turns back, before and after its job is noted as done.
OF_SAGAS = [("broken", "turned"), *((saga, point) for saga in ("whole", "broken") for point in ("ending", "ended"))]
POINTS = [*IN_CALLS, *OF_SAGAS, ("outside", "sent-begun"), ("outside", "sent-done")]


def killed(house: House, home: Path, saga: str, *points: str) -> None:
    workers.declare_sagas(home)

    async def begin() -> str:
        async with house.database.transaction(house.tenant) as session:
            return await sagas.begin(session, f"probe.{saga}", by="usr_1")

    id = house.run(begin())
    for point in points:
        (home / (f"{point}-{id}" if (saga, point) in OF_SAGAS else point)).touch()
    end = "compensated" if saga == "broken" else "succeeded"
    job = "select j.state from app.job j join app.saga s on s.job_id = j.id where s.id = %s"

    with workers.workers(house.settings, home, len(points) + 1) as several:

        def dead() -> int:
            return sum(not p.is_alive() for p in several)

        until(lambda: dead() == len(points), patience=60 + 10 * len(points))
        until(lambda: house.sql("select state from app.saga where id = %s", id) == [(end,)])
        until(lambda: house.sql(job, id) == [("succeeded",)])
        assert dead() == len(points), "each point has killed one worker"
    assert house.said() == (BROKEN if saga == "broken" else WHOLE)
    left = [point for point in points if not point.endswith(("-committed", "ending", "ended"))]
    unfinished = "select count(*) from app.saga_attempt where saga_id = %s and finished_at is null"
    assert house.sql(unfinished, id) == [(len(left),)]


@pytest.mark.parametrize(("saga", "point"), POINTS, ids=["-".join(p) for p in POINTS])
def test_killed_in_each_call(house: House, tmp_path: Path, saga: str, point: str) -> None:
    killed(house, tmp_path, saga, point)
    if saga == "outside":
        # what acts elsewhere is called again after a kill, under the same key
        sent = (tmp_path / "sent").read_text().split()
        assert len(sent) == (2 if point == "sent-done" else 1)
        assert len(set(sent)) == 1


def test_killed_in_every_call_of_one_saga(house: House, tmp_path: Path) -> None:
    killed(house, tmp_path, "broken", *(point for saga, point in POINTS if saga == "broken"))
