"""Workers killed in every call of a saga, forward and back: another goes on, no effect is lost and none there twice."""

from __future__ import annotations

from pathlib import Path

import pytest

from nexus import sagas
from tests.nexus.jobs import workers
from tests.nexus.jobs.house import House
from tests.nexus.jobs.workers import until

pytestmark = pytest.mark.integration

WHOLE, BROKEN = ["one", "two"], ["one", "two", "un-two", "un-one"]
POINTS = [
    (saga, f"{call}-{point}")
    for saga, calls in (("whole", WHOLE), ("broken", BROKEN))
    for call in calls
    for point in ("begun", "written")
]


def killed(house: House, home: Path, saga: str, *points: str) -> None:
    workers.declare_sagas(home)
    for point in points:
        (home / point).touch()

    async def begin() -> str:
        async with house.database.transaction(house.tenant) as session:
            return await sagas.begin(session, f"probe.{saga}", by="usr_1")

    id = house.run(begin())
    end = "succeeded" if saga == "whole" else "compensated"

    def ended() -> bool:
        return house.sql("select state from app.saga where id = %s", id) == [(end,)]

    with workers.workers(house.settings, home, len(points) + 1) as several:
        until(ended)
        assert sum(not p.is_alive() for p in several) == len(points), "each point has killed one worker"
    assert house.said() == (WHOLE if saga == "whole" else BROKEN)
    dead = "select count(*) from app.saga_attempt where saga_id = %s and finished_at is null"
    assert house.sql(dead, id) == [(len(points),)]
    job = "select j.state from app.job j join app.saga s on s.job_id = j.id where s.id = %s"
    assert house.sql(job, id) in ([("running",)], [("succeeded",)])


@pytest.mark.parametrize(("saga", "point"), POINTS, ids=["-".join(p) for p in POINTS])
def test_killed_in_each_call(house: House, tmp_path: Path, saga: str, point: str) -> None:
    killed(house, tmp_path, saga, point)


def test_killed_in_every_call_of_one_saga(house: House, tmp_path: Path) -> None:
    killed(house, tmp_path, "broken", *(point for saga, point in POINTS if saga == "broken"))
