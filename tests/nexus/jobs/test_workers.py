"""Workers killed at every point of a job, several at once, and schedules: by DBOS in processes of their own."""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path

import pytest
from sqlalchemy import text

from nexus import jobs
from nexus.jobs import declare
from nexus.jobs.engine import AT_ONCE, OF_ONE, OF_SHARES, Engine
from nexus.settings import Settings
from tests.nexus.jobs import workers
from tests.nexus.jobs.house import House
from tests.nexus.jobs.workers import until

pytestmark = pytest.mark.integration


@pytest.fixture(autouse=True)
def known(tmp_path: Path) -> object:
    before = declare.jobs()
    workers.declare(tmp_path)
    yield None
    declare._register.clear()
    declare._register.update(before)


def begin(house: House, name: str, number: int = 1, share: str | None = None) -> list[str]:
    async def go() -> list[str]:
        async with house.database.transaction(house.tenant) as session:
            return [await jobs.begin(session, name, {"n": n}, by="usr_1", share=share) for n in range(number)]

    return house.run(go())


def states(house: House) -> set[str]:
    rows = house.sql("select distinct state from app.job where organisation_id = %s", house.tenant.organisation)
    return {state for (state,) in rows}


@pytest.mark.parametrize("point", ["first", "begun", "between", "second"])
def test_killed_at_a_point_and_gone_on_with_by_a_living_worker(house: House, tmp_path: Path, point: str) -> None:
    (tmp_path / point).touch()
    begin(house, "probe.steps")
    with workers.workers(house.settings, tmp_path, 2) as two:
        until(lambda: any(not p.is_alive() for p in two))
        assert not (tmp_path / point).exists(), "it did not end by itself"
        until(lambda: states(house) == {"succeeded"})
    assert house.said() == ["first 0", "second 0"]
    rows = house.sql("select attempts, deaths from app.job where organisation_id = %s", house.tenant.organisation)
    assert rows == [(2, 1)]


def test_killed_alone_and_gone_on_with_by_the_next_in_its_slot(house: House, tmp_path: Path) -> None:
    (tmp_path / "between").touch()
    begin(house, "probe.steps")
    for _ in range(2):
        with workers.workers(house.settings, tmp_path) as [one]:
            until(lambda: not one.is_alive() or states(house) == {"succeeded"})
    assert house.said() == ["first 0", "second 0"]


def test_two_workers_are_two_executors_and_share_the_work(house: House, tmp_path: Path) -> None:
    (tmp_path / "wait").touch()
    ids = begin(house, "probe.wait", 2 * AT_ONCE)
    with workers.workers(house.settings, tmp_path, 2) as two:
        until(lambda: len(list(tmp_path.glob("waiting-*"))) == 2, alive=two)
        running = "select count(distinct executor_id) from jobs.workflow_status where status = 'PENDING' and workflow_uuid like any (%s)"
        assert house.sql(running, [f"{id}:%" for id in ids]) == [(2,)]
        (tmp_path / "wait").unlink()
        until(lambda: states(house) == {"succeeded"}, alive=two)
        by = house.sql("select distinct result ->> 'pid' from app.job where id = any (%s)", ids)
        assert {pid for (pid,) in by} == {str(p.pid) for p in two}


def test_jobs_of_one_share_keep_nobody_else_waiting(house: House, tmp_path: Path) -> None:
    (tmp_path / "wait").touch()
    slow = [f"{id}:%" for id in begin(house, "probe.wait", AT_ONCE + OF_SHARES, share="slow")]
    running = "select count(*) from jobs.workflow_status where status = 'PENDING' and workflow_uuid like any (%s)"
    with workers.workers(house.settings, tmp_path) as [one]:
        until(lambda: house.sql(running, slow) == [(OF_ONE,)], alive=[one])
        for share in (None, "quick"):
            [id] = begin(house, "probe.steps", share=share)
            until(
                lambda id=id: house.sql("select state from app.job where id = %s", id) == [("succeeded",)], alive=[one]
            )  # type: ignore[misc]
        assert house.sql(running, slow) == [(OF_ONE,)]
        (tmp_path / "wait").unlink()
        until(lambda: states(house) == {"succeeded"}, alive=[one])


def test_an_attempt_at_a_forgotten_job_gives_its_place_back(house: House, tmp_path: Path) -> None:
    [id] = begin(house, "probe.steps")
    house.sql("delete from app.job where id = %s", id)
    done = "select status from jobs.workflow_status where workflow_uuid like %s"
    with workers.workers(house.settings, tmp_path):
        until(lambda: house.sql(done, f"{id}:%") == [("SUCCESS",)])


def test_what_was_taken_as_the_connection_was_cut_is_begun_again(house: House, tmp_path: Path) -> None:
    with workers.workers(house.settings, tmp_path) as [one]:
        until(lambda: house.sql("select 1 from pg_locks where locktype = 'advisory' and classid = 7306 and objid = 0"))

        async def go() -> None:
            async with house.database.system(house.tenant) as session:
                id = await jobs.begin(session, "probe.steps", {"n": 0}, by="usr_1")
                taken = "update jobs.workflow_status set status = 'PENDING', executor_id = 'slot-0' where workflow_uuid like :id"
                await session.execute(text(taken), {"id": f"{id}:%"})

        house.run(go())
        until(lambda: states(house) == {"succeeded"}, alive=[one])
    assert house.said() == ["first 0", "second 0"]


def test_told_to_stop_it_ends_what_runs(house: House, tmp_path: Path) -> None:
    (tmp_path / "wait").touch()
    begin(house, "probe.wait")
    with workers.workers(house.settings, tmp_path) as [one]:
        until(lambda: list(tmp_path.glob("waiting-*")), alive=[one])
        assert one.pid
        os.kill(one.pid, signal.SIGTERM)
        (tmp_path / "wait").unlink()
        one.join(20)
        assert one.exitcode == 0
    assert states(house) == {"succeeded"}


def test_a_schedule_begins_once_a_moment_and_is_forgotten_when_nothing_declares_it(
    house: House, tmp_path: Path
) -> None:
    house.sql("delete from app.probe where who = 'tick'")
    with workers.workers(house.settings, tmp_path, 2) as two:
        until(lambda: house.sql("select count(*) from app.probe where who = 'tick'") >= [(2,)], alive=two)
    ticks = [at for (at,) in house.sql("select said from app.probe where who = 'tick'")]
    assert len(ticks) == len(set(ticks)), "two workers begin one job for one moment"
    of_nobody = house.sql("select distinct organisation_id, created_by from app.job where name = 'probe.tick'")
    assert of_nobody == [(None, "schedule")]

    declare._register.pop("probe.tick")
    asyncio.run(_for_a_moment(house.settings))
    assert ("probe.tick",) not in house.sql("select schedule_name from jobs.workflow_schedules")
    assert ("jobs.forget",) in house.sql("select schedule_name from jobs.workflow_schedules")


async def _for_a_moment(settings: Settings) -> None:
    from nexus.db import Database

    database = Database(settings)
    engine = Engine(settings, database)
    running = asyncio.create_task(engine.run())
    await asyncio.sleep(0.5)
    engine.stop()
    await running
    await database.close()
