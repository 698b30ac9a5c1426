"""Jobs: begun with the request or not at all, each part once, tried again, failed, cancelled; kept apart by tenant."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import nullcontext
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import text

from nexus import jobs, operations
from nexus.db import Session, Tenant
from nexus.errors import ConflictError, InputError, MachineError, NexusError, NotFoundError, ProviderError
from nexus.jobs import engine, rows
from nexus.jobs.attempt import attempt
from nexus.telemetry import context
from tests.nexus.jobs.house import House

NOW = timedelta(0)
Declare = Callable[..., Any]


async def say(session: Session, said: str) -> str:
    assert session.tenant is not None
    values = {"who": session.tenant.organisation, "said": said}
    await session.execute(text("insert into app.probe values (:who, :said)"), values)
    return said


async def begun(house: House, name: str, **more: Any) -> str:
    async with house.database.transaction(house.tenant) as session:
        return await jobs.begin(session, name, {"n": 1}, by="usr_1", **more)


async def row(house: House, id: str) -> rows.Row:
    async with house.database.system() as session:
        return await rows.get(session, id)


def queued(house: House, id: str) -> list[str]:
    """What DBOS is to run for a job."""
    found = house.sql(
        "select status from jobs.workflow_status where workflow_uuid like %s order by workflow_uuid", f"{id}:%"
    )
    return [status for (status,) in found]


def test_begun_with_the_transaction_and_not_at_all_without_it(house: House, declared: Declare) -> None:
    @declared("probe.say")
    async def handle(work: jobs.Work) -> None: ...

    async def go() -> None:
        trace = context.begin("00-" + "a" * 32 + "-" + "b" * 16 + "-01", correlation="evt_1")
        token = context.set_current(trace)
        id = await begun(house, "probe.say")
        context.reset(token)
        found = await row(house, id)
        assert (found.state, found.tenant, found.created_by) == ("pending", house.tenant, "usr_1")
        assert (found.traceparent, found.correlation_id) == (trace.traceparent, "evt_1")
        assert queued(house, id) == ["ENQUEUED"]
        async with house.database.session(house.tenant) as session:
            lost = await jobs.begin(session, "probe.say", by="usr_1")
            await session.rollback()
        assert queued(house, lost) == []
        assert await begun(house, "probe.say", id=id) == id
        assert queued(house, id) == ["ENQUEUED"], "an id that there is begins nothing more"
        with pytest.raises(NotFoundError, match=r"no job 'probe\.sya'"):
            await begun(house, "probe.sya")

    house.run(go())


def test_an_attempt_at_a_job_that_was_forgotten_is_nothing_to_do(house: House, declared: Declare) -> None:
    """One that waited for months: the job was hurried, ended, and was removed meanwhile."""

    @declared("probe.say")
    async def handle(work: jobs.Work) -> None: ...

    async def go() -> None:
        id = await begun(house, "probe.say")
        house.sql("delete from app.job where id = %s", id)
        await attempt(house.database, id)

    house.run(go())


@pytest.mark.parametrize(
    ("error", "calls"),
    [(MachineError("away"), 2), (ConflictError("another was first"), 2), (NotFoundError("gone"), 1)],
    ids=["away", "lost race", "permanent"],
)
def test_a_worker_tries_to_write_again_only_where_that_may_help(
    house: House, monkeypatch: pytest.MonkeyPatch, error: NexusError, calls: int
) -> None:
    monkeypatch.setattr(engine, "PAUSE", 0)
    made = []

    async def call() -> None:
        made.append(1)
        if len(made) == 1:
            raise error

    with nullcontext() if calls == 2 else pytest.raises(type(error)):
        house.run(engine.Engine(house.settings, house.database)._until_written(call))
    assert len(made) == calls


def test_it_runs_as_its_tenant_within_its_trace(house: House, declared: Declare) -> None:
    @declared("probe.say")
    async def handle(work: jobs.Work) -> dict[str, Any]:
        now = context.current()
        assert now is not None
        async with work.transaction() as session:
            role = await session.scalar(text("select current_user"))
            seen = await session.scalar(text("select count(*) from app.job"))
            await session.execute(text("select 1"))
            return {"role": role, "jobs": seen, "trace": now.trace_id, "who": session.tenant.organisation}  # type: ignore[union-attr]

    async def go() -> None:
        other = House(house.settings, Tenant("org_other", "ws-other"), house.database)
        await begun(other, "probe.say")
        token = context.set_current(context.begin("00-" + "c" * 32 + "-" + "b" * 16 + "-01"))
        id = await begun(house, "probe.say")
        context.reset(token)
        await attempt(house.database, id)
        done = await row(house, id)
        assert done.result == {"role": "nexus_api", "jobs": 1, "trace": "c" * 32, "who": house.tenant.organisation}
        assert (done.state, done.attempts) == ("succeeded", 1)
        await attempt(house.database, id)
        assert (await row(house, id)).attempts == 1, "what has ended does not run again"

    house.run(go())


def test_a_part_has_its_effect_once_however_often_it_is_tried(house: House, declared: Declare) -> None:
    @declared("probe.twice", pauses=(NOW, NOW))
    async def handle(work: jobs.Work) -> dict[str, Any]:
        first = await work.once("first", lambda session: say(session, "first"))
        if work.attempt < 3:
            raise ProviderError("not now")
        second = await work.once("second", lambda session: say(session, f"second by {work.key}"))
        return {"said": [first, second]}

    async def go() -> None:
        id = await begun(house, "probe.twice")
        for state in ("waiting", "waiting", "succeeded"):
            await attempt(house.database, id)
            assert (await row(house, id)).state == state
        assert house.said() == ["first", f"second by {id}"]
        assert (await row(house, id)).result == {"said": house.said()}
        assert len(queued(house, id)) == 3, "each attempt was put into the queue by the transaction that wants it"

    house.run(go())


@pytest.mark.parametrize(
    ("error", "attempts"),
    [(ProviderError("away"), 2), (TimeoutError(), 2), (InputError("never"), 1), (KeyError("ours"), 1)],
    ids=["transient", "late", "permanent", "mistake"],
)
def test_only_what_may_pass_is_tried_again(house: House, declared: Declare, error: Exception, attempts: int) -> None:
    @declared("probe.fail", pauses=(NOW,))
    async def handle(work: jobs.Work) -> None:
        raise error

    async def go() -> None:
        id = await begun(house, "probe.fail")
        for _ in range(3):
            await attempt(house.database, id)
        failed = await row(house, id)
        assert (failed.state, failed.attempts, failed.failures) == ("failed", attempts, attempts)
        assert (failed.error or "").startswith(type(error).__name__)
        async with house.database.transaction(house.tenant) as session:
            assert (await rows.retry(session, id)).state == "waiting"
            with pytest.raises(ConflictError, match="nothing to begin again"):
                await rows.retry(session, id)

    house.run(go())


def test_an_error_is_kept_without_what_is_secret(house: House, declared: Declare) -> None:
    @declared("probe.leak")
    async def handle(work: jobs.Work) -> None:
        raise InputError("refused: Bearer abcdef0123456789 of ann@example.test")

    async def go() -> None:
        id = await begun(house, "probe.leak")
        await attempt(house.database, id)
        assert (await row(house, id)).error == "InputError: refused: Bearer … of …@…"

    house.run(go())


def test_a_worker_that_dies_in_it_again_and_again(house: House, declared: Declare) -> None:
    @declared("probe.deadly", deaths=2)
    async def handle(work: jobs.Work) -> None:
        raise asyncio.CancelledError  # what is left of a process that is killed: nothing is written

    async def go() -> None:
        id = await begun(house, "probe.deadly")
        for _ in range(3):
            with pytest.raises(asyncio.CancelledError):
                await attempt(house.database, id)
        assert (await row(house, id)).state == "running"
        await attempt(house.database, id)
        failed = await row(house, id)
        assert (failed.state, failed.error) == ("failed", "the worker died 3 times in it")

    house.run(go())


def test_a_worker_that_was_thought_dead_changes_nothing(house: House, declared: Declare) -> None:
    woken = []

    @declared("probe.late")
    async def handle(work: jobs.Work) -> dict[str, Any]:
        if work.attempt == 1:
            await attempt(house.database, work.id)
            woken.append((await row(house, work.id)).result)
        return {"by": work.attempt}

    async def go() -> None:
        id = await begun(house, "probe.late")
        await attempt(house.database, id)
        assert woken == [{"by": 2}]
        assert (await row(house, id)).result == {"by": 2}

    house.run(go())


def test_cancelled_before_between_and_while_it_runs(house: House, declared: Declare) -> None:
    @declared("probe.stop", pauses=(NOW, NOW))
    async def handle(work: jobs.Work) -> dict[str, Any] | None:
        if work.attempt == 1:
            raise ProviderError("not now")
        async with house.database.system() as session:
            await rows.cancel(session, work.id)
        return None if not await work.note(0.5, "half") else {}

    async def go() -> None:
        async def cancel(id: str) -> str:
            async with house.database.transaction(house.tenant) as session:
                return (await rows.cancel(session, id)).state

        before, between, while_ = [await begun(house, "probe.stop") for _ in range(3)]
        assert await cancel(before) == "cancelled"
        await attempt(house.database, before)
        assert (await row(house, before)).attempts == 0
        await attempt(house.database, between)
        assert await cancel(between) == "cancelled"
        await attempt(house.database, while_)
        await attempt(house.database, while_)
        assert ((await row(house, while_)).state, (await row(house, while_)).note) == ("cancelled", "half")
        with pytest.raises(ConflictError, match="cancelled already"):
            await cancel(while_)

    house.run(go())


def test_an_operation_tells_what_came_of_its_job(house: House, declared: Declare) -> None:
    @declared("probe.work", pauses=(NOW,))
    async def handle(work: jobs.Work) -> dict[str, Any] | None:
        assert await work.note(0.25, "a quarter")
        how = work.arguments["how"]
        if how == "fail":
            raise InputError("cannot", remedy="do otherwise")
        if how == "break":
            raise KeyError("secret of ours")
        return {"rows": 3}

    async def go() -> None:
        async def ended(how: str) -> operations.Operation:
            async with house.database.transaction(house.tenant) as session:
                made = await jobs.operation(session, "probe.work", {"how": how}, by="usr_1")
            [[id]] = house.sql("select id from app.job where operation_id = %s", made.id)
            await attempt(house.database, id)
            async with house.database.transaction(house.tenant) as session:
                return await operations.get(session, made.id)

        done = await ended("well")
        assert (done.status, done.progress, done.result, done.note) == ("succeeded", 1.0, {"rows": 3}, "a quarter")
        failed = await ended("fail")
        assert failed.error == {"code": "invalid_input", "detail": "cannot", "remedy": "do otherwise"}
        broken = await ended("break")
        assert broken.status == "failed"
        assert "secret of ours" not in str(broken.error)

        async with house.database.transaction(house.tenant) as session:
            unwanted = await jobs.operation(session, "probe.work", {"how": "well"}, by="usr_1")
            await operations.cancel(session, unwanted.id)
        [[id]] = house.sql("select id from app.job where operation_id = %s", unwanted.id)
        await attempt(house.database, id)
        assert (await row(house, id)).state == "cancelled"

    house.run(go())


def test_work_that_has_begun_is_cancelled_only_if_it_stops(house: House, declared: Declare) -> None:
    """Also before it has noted anything: nobody is told that it was cancelled, and finds it done."""
    told = []

    @declared("probe.deaf")
    async def handle(work: jobs.Work) -> dict[str, Any] | None:
        async with work.transaction() as session:
            [[id]] = house.sql("select operation_id from app.job where id = %s", work.id)
            told.append((await operations.cancel(session, id)).status)
        if work.arguments["listens"] and not await work.note(0.5):
            return None
        return {"rows": 3}

    async def go() -> None:
        async def ended(listens: bool) -> tuple[str, Any]:
            async with house.database.transaction(house.tenant) as session:
                made = await jobs.operation(session, "probe.deaf", {"listens": listens}, by="usr_1")
            [[id]] = house.sql("select id from app.job where operation_id = %s", made.id)
            await attempt(house.database, id)
            async with house.database.transaction(house.tenant) as session:
                done = await operations.get(session, made.id)
                return done.status, done.result

        assert await ended(listens=False) == ("succeeded", {"rows": 3})
        assert await ended(listens=True) == ("cancelled", None)
        assert told == ["running", "running"]

    house.run(go())


def test_work_that_was_asked_to_stop_between_two_attempts_begins_no_other(house: House, declared: Declare) -> None:
    @declared("probe.again", pauses=(NOW,))
    async def handle(work: jobs.Work) -> None:
        raise ProviderError("not now")

    async def go() -> None:
        async with house.database.transaction(house.tenant) as session:
            made = await jobs.operation(session, "probe.again", by="usr_1")
        [[id]] = house.sql("select id from app.job where operation_id = %s", made.id)
        await attempt(house.database, id)
        async with house.database.transaction(house.tenant) as session:
            assert (await operations.cancel(session, made.id)).status == "running"
        await attempt(house.database, id)
        assert ((await row(house, id)).state, (await row(house, id)).attempts) == ("cancelled", 1)
        async with house.database.transaction(house.tenant) as session:
            assert (await operations.get(session, made.id)).status == "cancelled"

    house.run(go())


def test_another_tenant_sees_and_changes_none(house: House, declared: Declare) -> None:
    @declared("probe.say")
    async def handle(work: jobs.Work) -> None: ...

    async def go() -> None:
        id = await begun(house, "probe.say")
        own = house.tenant
        for tenant, sees in (
            (own, True),
            (Tenant(own.organisation), True),
            (Tenant(own.organisation, "ws-next"), False),
            (Tenant("org_other", own.workspace), False),
        ):
            async with house.database.transaction(tenant) as session:
                assert [r.id for r in await rows.newest(session, limit=1000)].count(id) == sees, tenant
        async with house.database.session(Tenant(own.organisation)) as session:
            with pytest.raises(Exception, match="row-level security"):
                await rows.change(session, id, note="written for another")

    house.run(go())


def test_requests_have_no_rights_on_the_queue(house: House) -> None:
    rights = house.sql(
        "select has_schema_privilege('nexus_api', 'jobs', 'usage'),"
        " bool_or(has_table_privilege('nexus_api', c.oid, 'select, insert, update, delete')),"
        " bool_and(pg_get_userbyid(c.relowner) = 'nexus_owner') from pg_class c"
        " where relnamespace = 'jobs'::regnamespace and relkind = 'r'"
    )
    assert rights == [(False, False, True)]
